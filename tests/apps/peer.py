"""peer -- the neighbour that the fixture applications talk to:  python peer.py PORT DELAY_S.

A line protocol on loopback TCP: every line comes back after the delay, any number of connections at once.
One event loop, so that a hundred waiting callers cost nothing here.
"""

from __future__ import annotations

import asyncio
import sys


async def serve(port: int, delay_s: float) -> None:
    """Echo lines until killed."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await asyncio.sleep(delay_s)
                writer.write(line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
