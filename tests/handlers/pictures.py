"""Pictures for the tests, drawn here."""

import struct
import zlib
from io import BytesIO
from typing import cast

from PIL import ExifTags, Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

Colour = tuple[int, ...]

STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that is held in this way stores an upright scene (the inverse of what a viewer does)."""


def encoded(image: Image.Image, target: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, target, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def plain(size: tuple[int, int] = (64, 48), colour: Colour = RED) -> Image.Image:
    return Image.new("RGB", size, colour)


def corners(size: tuple[int, int] = (640, 320)) -> Image.Image:
    """Red, green, blue and white quarters, clockwise from the upper left."""
    width, height = size
    image = Image.new("RGB", size)
    for colour, left, top in ((RED, 0, 0), (GREEN, 1, 0), (BLUE, 1, 1), (WHITE, 0, 1)):
        box = (left * width // 2, top * height // 2, (left + 1) * width // 2, (top + 1) * height // 2)
        image.paste(colour, box)
    return image


def held(image: Image.Image, orientation: int) -> tuple[Image.Image, Image.Exif]:
    """What a camera stores of the scene, and the EXIF that tells how to turn it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return (image if orientation == 1 else image.transpose(STORED_AS[orientation])), exif


def colour_at(image: Image.Image, x: float, y: float) -> Colour:
    """The colour at a place, given as parts of width and height."""
    place = (int(x * image.width), int(y * image.height))
    return cast("Colour", image.getpixel(place))


def alike(colour: Colour, other: Colour, tolerance: int = 12) -> bool:
    return len(colour) == len(other) and all(abs(a - b) <= tolerance for a, b in zip(colour, other, strict=True))


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A small PNG whose header promises a large picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
