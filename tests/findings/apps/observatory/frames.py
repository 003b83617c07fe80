"""Single frames."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from flask import Blueprint, Response
from switches import planted

from . import png
from .settings import settings
from .storage import HEIGHT, WIDTH, storage

each_pixel = planted("hot_function@stretch")
look_up_each_time = planted("attribute_lookup_hot@binning")
collect_afterwards = planted("gc_pressure@tidy")

bp = Blueprint("frames", __name__)
STARS = [[number, number * 0.01, {"mag": number % 14}] for number in range(45_000)]


def rows_of(pixels: bytes, width: int = WIDTH) -> list[bytes]:
    """Pixels as rows."""
    return [pixels[start : start + width] for start in range(0, len(pixels), width)]


class Stretch:
    """Makes the faint ones visible."""

    def __init__(self, low: int, high: int, gamma: float = 0.45) -> None:
        self.low, self.high, self.gamma = low, high, gamma

    def level(self, value: int) -> int:  # cause: hot_function@stretch
        """The grey of a value."""
        part = (value - self.low) / (self.high - self.low)  # cause: hot_function@stretch
        return round(255 * min(1.0, max(0.0, part)) ** self.gamma)  # cause: hot_function@stretch

    def apply(self, pixels: bytes) -> bytes:
        """All of them."""
        if each_pixel:
            return bytes(self.level(value) for value in pixels)  # cause: hot_function@stretch
        return pixels.translate(table(self.low, self.high, self.gamma))


@lru_cache(maxsize=16)
def table(low: int, high: int, gamma: float) -> bytes:
    """The grey of each value."""
    stretch = Stretch(low, high, gamma)
    return bytes(stretch.level(value) for value in range(256))


@bp.get("/<int:number>/preview.png")
def preview(number: int) -> Response:
    """What the camera saw."""
    pixels = storage.frame(number)
    shown = Stretch(min(pixels), max(pixels)).apply(pixels)  # cause: hot_function@stretch
    return Response(png.encode(rows_of(shown)), mimetype="image/png")


@bp.get("/<int:number>/half.png")
def half(number: int) -> Response:
    """A mosaic of frames at half the size."""
    mosaic = b"".join(storage.frame(number + step) for step in range(24))
    rows = rows_of(mosaic)
    return Response(png.encode([row[::2] for row in rows[::2]]), mimetype="image/png")


def tidy(view: Callable[..., Any]) -> Callable[..., Any]:
    """Frames are big, the computer in the dome is small: give back what is not needed any more."""

    @wraps(view)
    def tidied(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        finally:
            if collect_afterwards:
                gc.collect()  # cause: gc_pressure@tidy

    return tidied


def counted(pixels: bytes) -> list[int]:
    """How many pixels are in each bin."""
    bins = [0] * 64
    if look_up_each_time:
        for value in pixels:  # cause: attribute_lookup_hot@binning
            if value < settings.binning.ceiling:  # cause: attribute_lookup_hot@binning
                bins[value // settings.binning.width] += 1  # cause: attribute_lookup_hot@binning
        return bins
    width, ceiling = settings.binning.width, settings.binning.ceiling
    for value in range(ceiling):
        bins[value // width] += pixels.count(value)
    return bins


@bp.get("/<int:number>/histogram")
@tidy  # cause: gc_pressure@tidy
def histogram(number: int) -> dict[str, Any]:
    """The histogram of the middle of a frame."""
    middle = storage.frame(number)[WIDTH * HEIGHT // 3 :][:7000]
    stars = [star[0] for star in STARS[number : number + 20]]
    return {"bins": counted(middle), "stars": stars}  # cause: attribute_lookup_hot@binning
