"""What a thumbnail shall be, what one is, and how one is asked for."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from eventkit.errors import ConfigurationError

__all__ = ["Render", "Thumbnail", "ThumbnailFormat", "ThumbnailSpec"]

ThumbnailFormat = Literal["JPEG", "WEBP", "PNG"]
"""What a thumbnail can be written as."""

CONTENT_TYPES: Final[dict[ThumbnailFormat, str]] = {"JPEG": "image/jpeg", "WEBP": "image/webp", "PNG": "image/png"}
SUFFIXES: Final[dict[ThumbnailFormat, str]] = {"JPEG": ".jpg", "WEBP": ".webp", "PNG": ".png"}

MAX_SIDE: Final = 16_383
"""Pixels; the WebP container stores a side in 14 bits."""


@dataclass(frozen=True, slots=True)
class ThumbnailSpec:
    """What a thumbnail shall be, and what may be asked for one.

    `size` is the box, (width, height) in pixels, that the thumbnail fits in; proportions are kept and nothing is
    enlarged. `quality` (1 to 100) is that of JPEG and WEBP. Transparent parts become white in a JPEG.
    `max_frames` above 1 keeps an animation where the format is WEBP, as far as frames times pixels fit `max_pixels`;
    otherwise the first frame is the picture.

    `max_bytes` and `max_pixels` bound the original. A decoded pixel takes up to 4 bytes, in WEBP files up to 16.
    Pillow's own limit (`PIL.Image.MAX_IMAGE_PIXELS`) holds beside it.

    Raises `ConfigurationError` for numbers that make no sense.
    """

    size: tuple[int, int] = (256, 256)
    format: ThumbnailFormat = "JPEG"
    quality: int = 80
    max_pixels: int = 40_000_000
    max_bytes: int = 50 * 2**20
    max_frames: int = 1

    def __post_init__(self) -> None:
        if not all(1 <= side <= MAX_SIDE for side in self.size):
            raise ConfigurationError(f"size={self.size!r}: width and height must be from 1 to {MAX_SIDE} pixels")
        if self.format not in CONTENT_TYPES:
            raise ConfigurationError(f"format={self.format!r}: it must be one of {', '.join(CONTENT_TYPES)}")
        if not 1 <= self.quality <= 100:  # noqa: PLR2004 - the scale of both encoders
            raise ConfigurationError(f"quality={self.quality!r}: it must be from 1 to 100")
        if min(self.max_pixels, self.max_bytes, self.max_frames) < 1:
            raise ConfigurationError(f"{self!r}: max_pixels, max_bytes and max_frames must be at least 1")

    @property
    def content_type(self) -> str:
        """The media type of the thumbnail."""
        return CONTENT_TYPES[self.format]

    @property
    def suffix(self) -> str:
        """The file name extension of the thumbnail, with its dot."""
        return SUFFIXES[self.format]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An encoded thumbnail; `width` and `height` in pixels."""

    data: bytes = field(repr=False)
    width: int
    height: int


Render = Callable[[bytes, Sequence[ThumbnailSpec]], Coroutine[Any, Any, Sequence[Thumbnail]]]
"""How an event loop has thumbnails made, elsewhere than on itself: one for each spec, in their order.

Raises what `make_thumbnails` raises.
"""
