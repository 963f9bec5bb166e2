"""Bytes of an image in, bytes of thumbnails out: no I/O, no state, the same bytes for the same input.

The input is hostile until it is a thumbnail, so these rules hold:

- Only the formats in `FORMATS` are tried. Pillow's other decoders were slower by orders of magnitude on damaged files,
  and some (EPS) start programs.
- Sizes are checked on the header, before anything is decoded.
- A picture is made smaller first and converted afterwards, band by band, so no second full-size copy is ever made.
- The thumbnail is pasted on a fresh canvas, so no metadata of the original can follow it.
- What cannot be a thumbnail is an `eventkit.Reject`: the same bytes would fail again.
"""

# Pillow's signatures name numpy's types, which are unknown where numpy is not installed.
# pyright: reportUnknownMemberType=false

import math
import struct
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, cast

from eventkit.errors import MissingExtraError
from eventkit.outcomes import Reject
from eventkit_handlers._spec import Thumbnail, ThumbnailFormat, ThumbnailSpec

try:
    from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

    # Imported by name, because `Image.open` would import every plugin there is to find the last two.
    from PIL.GifImagePlugin import GifImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile
except ModuleNotFoundError as error:
    raise MissingExtraError("PIL", "images") from error

__all__ = ["make_thumbnail", "make_thumbnails"]

Box = tuple[int, int]
"""Width and height in pixels."""

FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
"""What a thumbnail can be made of."""

MOVING: Final = (GifImageFile, PngImageFile, WebPImageFile)
"""Formats whose further frames are an animation; in TIFF they are pages, in a stereo JPEG the other eye."""

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation (Exif 2.32, tag 0x0112); 1 is upright already."""

DAMAGED: Final = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    struct.error,
    zlib.error,
    Warning,
)
"""What Pillow's decoders raise for files that are not what they claim to be; warnings, where they are made errors.

`MemoryError` is not among them: another time, or on another machine, there may be room.
"""


@dataclass(frozen=True, slots=True)
class _Frame:
    picture: Image.Image
    milliseconds: int


def make_thumbnail(data: bytes, spec: ThumbnailSpec) -> Thumbnail:
    """The thumbnail of an image file; see `make_thumbnails`."""
    return make_thumbnails(data, [spec])[0]


def make_thumbnails(data: bytes, specs: Sequence[ThumbnailSpec]) -> Sequence[Thumbnail]:
    """The thumbnails of an image file, one for each spec: upright, in sRGB, without any metadata.

    The file is decoded once, whatever their number, and each size is made of what was decoded.

    Takes a JPEG, PNG, GIF, WEBP, TIFF or BMP file. Raises `Reject` for anything else, for a damaged or truncated file
    and for one beyond the narrowest limits of `specs`; `MemoryError` where the machine has no room for it.
    It holds a CPU until it is done, and releases the GIL while it decodes.
    """
    if not data:
        raise Reject("the object is empty")
    most = min(spec.max_bytes for spec in specs)
    if len(data) > most:
        raise Reject(f"the object has more than {most:,} bytes")
    try:
        frames = _frames(data, specs)
    except UnidentifiedImageError as error:
        raise Reject(f"the object is not a readable image ({', '.join(FORMATS)})", error=error) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Reject("the image has far too many pixels", error=error) from error
    except DAMAGED as error:
        raise Reject("the image is damaged or of an unsupported kind", error=error) from error
    return [_encoded(of_one, spec) for of_one, spec in zip(frames, specs, strict=True)]


def _frames(data: bytes, specs: Sequence[ThumbnailSpec]) -> list[list[_Frame]]:
    """The frames for each spec; a spec's box is made once for all that want it."""
    with Image.open(BytesIO(data), formats=FORMATS) as image:
        size = image.size
        pixels, most = size[0] * size[1], min(spec.max_pixels for spec in specs)
        if pixels > most:
            raise Reject(f"the image has {pixels:,} pixels; at most {most:,} are accepted")
        wanted = [_frames_wanted(image, spec) for spec in specs]
        frames: list[list[_Frame]] = [[] for _ in specs]
        for number in range(max(wanted)):
            try:
                image.seek(number)
            except EOFError:
                break
            if image.size != size:
                # A later frame of a GIF may be larger than the header said, and so beyond the limit.
                break
            wanting = [index for index, count in enumerate(wanted) if number < count]
            pictures = _shrunk(image, {specs[index].size for index in wanting})
            milliseconds = int(image.info.get("duration", 0))
            for index in wanting:
                frames[index].append(_Frame(pictures[specs[index].size], milliseconds))
        return frames


def _frames_wanted(image: Image.Image, spec: ThumbnailSpec) -> int:
    if spec.format != "WEBP" or not isinstance(image, MOVING):
        return 1
    return min(spec.max_frames, spec.max_pixels // (image.width * image.height))


def _shrunk(image: Image.Image, boxes: Collection[Box]) -> Mapping[Box, Image.Image]:
    """The current frame within each box, upright, in RGB or RGBA and in sRGB."""
    orientation = _orientation(image)
    sideways = orientation >= 5  # noqa: PLR2004 - see TURNS: from 5 on, width and height change places
    sizes = {box: _fitted(image.size, (box[1], box[0]) if sideways else box) for box in boxes}
    drafted = image.draft(None, (2 * max(width for width, _ in sizes.values()), 2 * max(h for _, h in sizes.values())))
    extent = drafted[1][2:] if drafted else image.size
    return {box: _turned(_resized(image, extent, size), image, orientation) for box, size in sizes.items()}


def _turned(picture: Image.Image, image: Image.Image, orientation: int) -> Image.Image:
    """A picture made of the image, upright and in sRGB."""
    picture = _in_srgb(picture, image.info.get("icc_profile"))
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of what Pillow decodes. A picture whose EXIF cannot be read is shown as it is stored."""
    if isinstance(image, TiffImageFile):
        # Pillow turns these upright itself while it loads them.
        return 1
    if isinstance(image, PngImageFile):
        # The EXIF chunk may follow the pixels.
        image.load()
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DAMAGED:
        return 1
    return orientation if orientation in TURNS else 1


def _fitted(size: tuple[int, int], bounds: tuple[int, int]) -> tuple[int, int]:
    ratio = min(1.0, bounds[0] / size[0], bounds[1] / size[1])
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _resized(image: Image.Image, extent: tuple[float, float], size: tuple[int, int]) -> Image.Image:
    """The image in `size`, its mode L, RGB, RGBa or CMYK. `extent` is what of it holds the picture.

    Averages whole blocks down to at least twice the size, then resamples: the two steps of `Image.thumbnail`.
    """
    factor = max(1, int(min(extent[0] / size[0], extent[1] / size[1]) / 2))
    blocks = _reduced(image, factor)
    box = (0, 0, extent[0] / factor, extent[1] / factor)
    return blocks.resize(size, Image.Resampling.BICUBIC, box=box)


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """The image with each side divided by `factor`, in a mode that can be averaged.

    Goes band by band, so that a large picture is never converted as a whole.
    """
    levels = _levels(image)
    rows = image.height if factor == 1 or _is_plain(image) else factor * max(1, 256 // factor)
    tops = range(0, image.height, rows)
    bands = [_plain(_rows(image, top, rows), levels).reduce(factor) for top in tops]
    if len(bands) == 1:
        return bands[0]
    whole = Image.new(bands[0].mode, (math.ceil(image.width / factor), math.ceil(image.height / factor)))
    for top, band in zip(tops, bands, strict=True):
        whole.paste(band, (0, top // factor))
    return whole


def _rows(image: Image.Image, top: int, count: int) -> Image.Image:
    if count >= image.height:
        return image
    return image.crop((0, top, image.width, min(top + count, image.height)))


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """What is black and what is white in a picture with more than 8 bits per channel; None for all others.

    Pillow clips such values to 255, which makes a white thumbnail.
    """
    image.load()
    if image.mode.startswith("I;16"):
        return 0, 0xFFFF
    if image.mode not in {"I", "F"}:
        return None
    low, high = cast("tuple[float, float]", image.getextrema())
    return (0, 0xFFFF) if image.mode == "I" and low >= 0 and high <= 0xFFFF else (low, high)  # noqa: PLR2004


def _plain(band: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    """The band in a mode that can be averaged: transparency is premultiplied, a palette resolved, depth 8 bits."""
    if levels is not None:
        low, high = levels
        gain = 255 / (high - low) if high > low else 0
        deep = band if band.mode == "F" else band.convert("I").convert("F")
        return deep.point(lambda value: value * gain + (0.5 - low * gain)).convert("L")
    if band.has_transparency_data:
        return band.convert("RGBA").convert("RGBa")
    return band if _is_plain(band) else band.convert("RGB")


def _is_plain(image: Image.Image) -> bool:
    return image.mode in {"L", "RGB", "CMYK"} and not image.has_transparency_data


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if picture.mode != "RGBa":
        return _by_profile(picture, profile)
    straight = picture.convert("RGBA")
    colours = _by_profile(straight.convert("RGB"), profile)
    colours.putalpha(straight.getchannel("A"))
    return colours


def _by_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB. A profile that is broken, or belongs to other channels, is ignored as browsers do."""
    if not profile:
        return picture.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = cast("ImageCms.ImageCmsProfile", ImageCms.createProfile("sRGB"))
        converted = ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, *DAMAGED):
        return picture.convert("RGB")
    return converted or picture.convert("RGB")


def _encoded(frames: list[_Frame], spec: ThumbnailSpec) -> Thumbnail:
    first, *others = [_on_canvas(frame.picture, spec.format) for frame in frames]
    options: dict[str, Any] = {} if spec.format == "PNG" else {"quality": spec.quality}
    if others:
        durations = [frame.milliseconds for frame in frames]
        options |= {"save_all": True, "append_images": others, "duration": durations}
    if spec.format == "JPEG":
        options["optimize"] = True
    out = BytesIO()
    first.save(out, spec.format, **options)
    return Thumbnail(out.getvalue(), first.width, first.height)


def _on_canvas(picture: Image.Image, target: ThumbnailFormat) -> Image.Image:
    """A fresh image with these pixels and nothing else; encoders copy comments and text from the image they get."""
    opaque = picture.mode == "RGB"
    flat = target == "JPEG" or opaque
    canvas = Image.new("RGB" if flat else "RGBA", picture.size, "white")
    canvas.paste(picture, mask=picture if flat and not opaque else None)
    return canvas
