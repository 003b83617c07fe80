"""logs -- where the service writes what it does."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from switches import planted

write_rows = planted("log_io@rows")
log = logging.getLogger("conduit")


def set_up() -> None:
    """A file with the place and the time of everything."""
    handler = logging.FileHandler(Path(os.environ["FINDINGS_DATA"]) / f"conduit-{os.getpid()}.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(funcName)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if write_rows else logging.INFO)
    log.propagate = False
