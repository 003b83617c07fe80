"""pictures -- small pictures of large ones, without a library."""

from __future__ import annotations

import zlib
from typing import Any

from flask import Blueprint, Response, render_template, request
from switches import planted

pictures = Blueprint("pictures", __name__, template_folder="templates")
ask_each_pixel = planted("attribute_lookup_hot@shades")
filter_in_template = planted("template_hot@gallery")
TAGS = [f"tag-{n}" for n in range(48)]
PHOTOS = [
    {
        "id": n,
        "title": f"Photo {n}",
        "tags": [TAGS[n % 48], TAGS[n * 5 % 48]],
        "stars": n * 7 % 6,
        "public": n % 5 > 0,
    }
    for n in range(900)
]


class Raw:
    """The content of a picture's file."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width = width
        self.height = height
        self.pixels = bytes((x * 3 + seed) * (x // width + 1) % 256 for x in range(width * height))


class Picture:
    """A picture that is read when somebody looks at it."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self._raw: Raw | None = None
        self._how = (width, height, seed)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raw = self.__dict__["_raw"]
        if raw is None:
            raw = self.__dict__["_raw"] = Raw(*self._how)
        return getattr(raw, name)


PICTURES = [Picture(300, 200, seed) for seed in range(4)]
RAWS = [Raw(300, 200, seed) for seed in range(4, 8)]


def shades(picture: Picture) -> list[int]:
    """How many pixels have each of sixteen shades."""
    counts = [0] * 16
    if ask_each_pixel:
        for y in range(picture.height):  # cause: attribute_lookup_hot@shades
            for x in range(picture.width):  # cause: attribute_lookup_hot@shades
                counts[picture.pixels[y * picture.width + x] >> 4] += 1  # cause: attribute_lookup_hot@shades
        return counts
    width, pixels = picture.width, picture.pixels
    for y in range(picture.height):
        for x in range(width):
            counts[pixels[y * width + x] >> 4] += 1
    return counts


@pictures.get("/shades/<int:number>")
def shades_of(number: int) -> dict[str, Any]:
    """The shades of a picture."""
    return {"shades": shades(PICTURES[number % 4])}  # cause: attribute_lookup_hot@shades


@pictures.get("/gallery")
def gallery() -> str:
    """The best photos of each tag."""
    if filter_in_template:
        return render_template("atelier/gallery.html", tags=TAGS, photos=PHOTOS, best=None)
    best: dict[str, list[dict[str, Any]]] = {tag: [] for tag in TAGS}
    for photo in sorted(PHOTOS, key=lambda each: each["title"]):
        for tag in dict.fromkeys(photo["tags"]):
            if photo["stars"] == 5 and photo["public"]:
                best[tag].append(photo)
    return render_template("atelier/gallery.html", tags=TAGS, photos=PHOTOS, best=best)


def averages(pixels: bytes, width: int, height: int, factor: int) -> bytes:
    """A picture of a factor's size."""
    out = bytearray()
    for top in range(0, height, factor):
        rows = [pixels[y * width : (y + 1) * width] for y in range(top, top + factor)]
        columns = [sum(column) for column in zip(*rows, strict=True)]
        out += bytes(sum(columns[left : left + factor]) // factor**2 for left in range(0, width, factor))
    return bytes(out)


def framed(pixels: bytes, width: int) -> list[bytes]:
    """Its rows with a white frame."""
    rows = [b"\xff" + pixels[at : at + width] + b"\xff" for at in range(0, len(pixels), width)]
    return [b"\xff" * (width + 2), *rows, b"\xff" * (width + 2)]


def png(rows: list[bytes]) -> bytes:
    """Rows of grey as a file."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
        )

    size = len(rows[0]).to_bytes(4, "big") + len(rows).to_bytes(4, "big")
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", size + b"\x08\0\0\0\0"), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    )


@pictures.get("/small/<int:number>.png")
def small(number: int) -> Response:
    """A small picture with a frame, of the part that somebody chose: nothing is wrong here."""
    factor, top = request.args.get("factor", 2, type=int), request.args.get("top", 0, type=int)
    raw = RAWS[number % 4]
    part = raw.pixels[top * raw.width : (top + 150) * raw.width]
    pixels = averages(part, raw.width, 150, factor)
    return Response(png(framed(pixels, raw.width // factor)), mimetype="image/png")
