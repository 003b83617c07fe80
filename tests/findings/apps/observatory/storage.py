"""Files: raw frames, dark frames, exposure logs; written when the application starts."""

from __future__ import annotations

import os
import random
from functools import lru_cache
from pathlib import Path

from switches import planted

read_each_dark = planted("disk_io@darks")

WIDTH, HEIGHT, FRAMES = 240, 160, 24
ROOT = Path(os.environ["FINDINGS_DATA"]) / f"observatory-{os.getpid()}"


class Storage:
    """The folder with all of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("raw", "darks", "logs"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(FRAMES):
            self.frame_file(number).write_bytes(self.made_up(number, WIDTH * HEIGHT))
        for seconds in (10, 60):
            self.dark_file(seconds).write_bytes(self.made_up(seconds, 6_000_000))
        for number in range(120):
            text = "".join(f"{number} {line} seeing {line * 7 % 13}\n" for line in range(20))
            (root / "logs" / f"{number:03d}.log").write_text(text)

    @staticmethod
    def made_up(seed: int, size: int) -> bytes:
        """Noise, as a sensor in the dark gives it."""
        return random.Random(seed).randbytes(size)

    def frame_file(self, number: int) -> Path:
        """Where a frame is."""
        return self.root / "raw" / f"{number % FRAMES:03d}.raw"

    def dark_file(self, seconds: int) -> Path:
        """Where a dark frame is."""
        return self.root / "darks" / f"{seconds}.raw"

    def frame(self, number: int) -> bytes:
        """The pixels of a frame."""
        return self.frame_file(number).read_bytes()

    def dark(self, seconds: int) -> bytes:
        """The dark frame for an exposure."""
        return self.dark_file(seconds).read_bytes()  # cause: disk_io@darks

    def logs(self) -> list[bytes]:
        """Exposure logs of a night."""
        return [(self.root / "logs" / f"{number:03d}.log").read_bytes() for number in range(24)]


storage = Storage(ROOT)


@lru_cache(maxsize=4)
def kept_dark(seconds: int) -> bytes:
    """A dark frame; new ones are taken once a month, with a restart."""
    return storage.dark(seconds)


def dark_for(seconds: int) -> bytes:
    """The dark frame to take off."""
    return storage.dark(seconds) if read_each_dark else kept_dark(seconds)  # cause: disk_io@darks
