"""The pure part of the thumbnails: what becomes of the bytes of an image."""

# Pillow's signatures name numpy's types, which are unknown where numpy is not installed.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from typing import Literal, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from eventkit.errors import ConfigurationError
from eventkit.outcomes import Reject
from eventkit_handlers.thumbnails import Thumbnail, ThumbnailFormat, ThumbnailSpec, make_thumbnail, make_thumbnails
from tests.handlers.pictures import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    alike,
    colour_at,
    corners,
    decoded,
    encoded,
    held,
    plain,
    png_of_claimed_size,
)

SPEC = ThumbnailSpec(size=(64, 64))
SMALL_LIMITS = ThumbnailSpec(size=(32, 32), max_pixels=1_000_000)
LOSSLESS = ThumbnailSpec(size=(64, 64), format="PNG")
TARGETS: list[ThumbnailFormat] = ["JPEG", "WEBP", "PNG"]
SOURCES = ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]


def shown(data: bytes, spec: ThumbnailSpec = LOSSLESS) -> Image.Image:
    return decoded(make_thumbnail(data, spec).data)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", TARGETS)
def test_a_picture_fits_the_box_and_keeps_its_proportions(source: str, target: ThumbnailFormat) -> None:
    thumbnail = make_thumbnail(encoded(corners((640, 320)), source), ThumbnailSpec(size=(64, 64), format=target))

    image = decoded(thumbnail.data)
    assert (thumbnail.width, thumbnail.height) == image.size == (64, 32)
    assert image.format == target


def test_a_small_picture_is_not_enlarged() -> None:
    assert shown(encoded(plain((10, 7)))).size == (10, 7)


@pytest.mark.parametrize("size", [(10_000, 1), (1, 10_000), (3_001, 2), (255, 257)])
def test_extreme_proportions_leave_at_least_one_pixel(size: tuple[int, int]) -> None:
    image = shown(encoded(plain(size)))

    assert min(image.size) >= 1
    assert max(image.size) == 64
    assert alike(colour_at(image, 0.5, 0.5), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_shown_upright(source: str, orientation: int) -> None:
    stored, exif = held(corners((640, 320)), orientation)

    image = shown(encoded(stored, source, exif=exif), ThumbnailSpec(size=(64, 100), format="PNG"))

    assert image.size == (64, 32)
    seen = [colour_at(image, x, y) for x, y in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))]
    assert all(alike(colour, meant) for colour, meant in zip(seen, (RED, GREEN, BLUE, WHITE), strict=True))


def test_a_compressed_tiff_is_turned_once() -> None:
    stored, exif = held(corners((640, 320)), 6)

    image = shown(encoded(stored, "TIFF", exif=exif, compression="tiff_lzw"))

    assert image.size == (64, 32)
    assert alike(colour_at(image, 0.2, 0.2), RED)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_picture_with_unreadable_exif_is_shown_as_it_is_stored() -> None:
    data = encoded(plain((64, 32)), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")

    assert shown(data).size == (64, 32)


@pytest.mark.parametrize("size", [(300, 200), (2_000, 1_500), (2_999, 2_001)])
@pytest.mark.parametrize(
    ("mode", "source"), [("RGB", "JPEG"), ("RGB", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("1", "TIFF")]
)
def test_the_thumbnail_is_that_of_pillow_within_a_few_levels(mode: str, source: str, size: tuple[int, int]) -> None:
    original = Image.linear_gradient("L").resize(size).convert(mode)
    expected = original.convert("RGB")
    expected.thumbnail((64, 64))

    image = shown(encoded(original, source)).convert("RGB")

    places = [(x / 10, y / 10) for x in range(10) for y in range(10)]
    assert all(alike(colour_at(image, *place), colour_at(expected, *place), 3) for place in places)


class TestColours:
    def test_a_cmyk_jpeg_becomes_rgb(self) -> None:
        assert alike(colour_at(shown(encoded(plain().convert("CMYK"), "JPEG")), 0.5, 0.5), RED)

    @pytest.mark.parametrize(("value", "level"), [(0, 0), (600, 2), (32_768, 128), (65_535, 255)])
    @pytest.mark.parametrize("source", ["PNG", "TIFF"])
    def test_sixteen_bit_grey_is_scaled(self, source: str, value: int, level: int) -> None:
        deep = Image.new("I;16", (100, 80), value)

        assert alike(colour_at(shown(encoded(deep, source)), 0.5, 0.5), (level,) * 3, 1)

    def test_big_endian_sixteen_bit_grey_is_scaled(self) -> None:
        deep = Image.new("I;16B", (100, 80), 32_768)

        assert alike(colour_at(shown(encoded(deep, "TIFF")), 0.5, 0.5), (128,) * 3, 1)

    @pytest.mark.parametrize(("mode", "low", "high"), [("I", 0, 65_535), ("I", -70_000, 70_000), ("F", 0.0, 1.0)])
    def test_deeper_grey_goes_from_black_to_white(self, mode: str, low: float, high: float) -> None:
        deep = Image.new(mode, (100, 80), low)
        deep.paste(high, (50, 0, 100, 80))

        image = shown(encoded(deep, "TIFF"))

        assert alike(colour_at(image, 0.1, 0.5), (0,) * 3, 1)
        assert alike(colour_at(image, 0.9, 0.5), (255,) * 3, 1)

    def test_a_black_picture_of_floats_stays_black(self) -> None:
        assert alike(colour_at(shown(encoded(Image.new("F", (100, 80), 0.0), "TIFF")), 0.5, 0.5), (0,) * 3)

    @pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
    def test_every_mode_of_png_is_taken(self, mode: str) -> None:
        image = shown(encoded(Image.new("L", (100, 80), 255).convert(mode)))

        assert alike(colour_at(image, 0.5, 0.5)[:3], WHITE)

    def test_a_lab_picture_becomes_rgb(self) -> None:
        lab = Image.new("LAB", (100, 80), (128, 128, 128))

        assert alike(colour_at(shown(encoded(lab, "TIFF")), 0.5, 0.5), (119, 119, 119))

    def test_a_profile_for_other_channels_is_ignored(self) -> None:
        profile = profile_of("LAB")

        assert alike(colour_at(shown(encoded(plain(), "JPEG", icc_profile=profile)), 0.5, 0.5), RED)

    @pytest.mark.parametrize("target", TARGETS)
    def test_a_profile_is_used_and_not_kept(self, target: ThumbnailFormat) -> None:
        profile = swapped_primaries()
        data = encoded(plain(colour=RED), "PNG", icc_profile=profile)

        image = decoded(make_thumbnail(data, ThumbnailSpec(size=(64, 64), format=target)).data)

        assert alike(colour_at(image, 0.5, 0.5), BLUE)
        assert "icc_profile" not in image.info

    def test_a_broken_profile_is_ignored(self) -> None:
        data = encoded(plain(colour=RED), "PNG", icc_profile=b"no profile")

        assert alike(colour_at(shown(data), 0.5, 0.5), RED)


def profile_of(space: Literal["LAB", "sRGB"]) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()


def swapped_primaries() -> bytes:
    """An sRGB profile in which red and blue have changed places."""
    profile = bytearray(profile_of("sRGB"))
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


class TestTransparency:
    def test_transparent_parts_are_white_in_a_jpeg(self) -> None:
        image = shown(encoded(Image.new("RGBA", (100, 80), (255, 0, 0, 0))), SPEC)

        assert image.mode == "RGB"
        assert alike(colour_at(image, 0.5, 0.5), WHITE)

    def test_half_transparent_parts_are_blended_with_white_in_a_jpeg(self) -> None:
        image = shown(encoded(Image.new("RGBA", (100, 80), (255, 0, 0, 128))), SPEC)

        assert alike(colour_at(image, 0.5, 0.5), (255, 127, 127))

    @pytest.mark.parametrize("target", ["WEBP", "PNG"])
    def test_transparency_is_kept_where_the_format_can(self, target: ThumbnailFormat) -> None:
        spec = ThumbnailSpec(size=(64, 64), format=target)

        image = shown(encoded(Image.new("RGBA", (300, 300), (255, 0, 0, 128))), spec)

        assert alike(colour_at(image, 0.5, 0.5), (255, 0, 0, 128))

    @pytest.mark.parametrize("source", ["PNG", "GIF"])
    def test_a_transparent_palette_entry_is_transparent(self, source: str) -> None:
        palette = Image.new("P", (100, 80), 0)
        palette.putpalette([*RED, *BLUE])
        palette.paste(1, (50, 0, 100, 80))

        image = shown(encoded(palette, source, transparency=0))

        assert colour_at(image, 0.1, 0.5)[3] == 0
        assert alike(colour_at(image, 0.9, 0.5), (*BLUE, 255))

    def test_the_colour_of_transparent_pixels_does_not_bleed(self) -> None:
        picture = Image.new("RGBA", (512, 512), (0, 255, 0, 0))
        for x in range(0, 512, 2):
            picture.paste((255, 0, 0, 255), (x, 0, x + 1, 512))

        assert alike(colour_at(shown(encoded(picture)), 0.5, 0.5)[:3], RED)


class TestMetadata:
    SECRETS = (b"SECRET-EXIF", b"SECRET-COMMENT", b"SECRET-XMP", b"SECRET-TEXT")

    @pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
    @pytest.mark.parametrize("target", TARGETS)
    def test_nothing_of_the_original_is_kept(self, source: str, target: ThumbnailFormat) -> None:
        data = with_secrets(source)
        assert any(secret in data for secret in self.SECRETS)

        thumbnail = make_thumbnail(data, ThumbnailSpec(size=(64, 64), format=target))

        image = decoded(thumbnail.data)
        assert not any(secret in thumbnail.data for secret in self.SECRETS)
        assert not dict(image.getexif())
        assert not {"exif", "xmp", "icc_profile", "comment", "Comment"} & set(map(str, image.info))


def with_secrets(source: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "SECRET-EXIF"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "SECRET-TEXT")
    options: dict[str, dict[str, object]] = {
        "JPEG": {"exif": exif, "comment": b"SECRET-COMMENT", "xmp": b"SECRET-XMP"},
        "PNG": {"exif": exif, "pnginfo": text},
        "WEBP": {"exif": exif, "xmp": b"SECRET-XMP"},
        "TIFF": {"exif": exif},
        "GIF": {"comment": b"SECRET-COMMENT"},
    }
    return encoded(plain(), source, **options[source])


class TestAnimations:
    @pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
    @pytest.mark.parametrize("target", TARGETS)
    def test_the_first_frame_is_the_picture(self, source: str, target: ThumbnailFormat) -> None:
        image = shown(moving(source), ThumbnailSpec(size=(32, 32), format=target))

        assert getattr(image, "n_frames", 1) == 1
        assert alike(colour_at(image, 0.5, 0.5)[:3], RED)

    @pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
    def test_an_animation_is_kept_on_request(self, source: str) -> None:
        image = shown(moving(source), ThumbnailSpec(size=(32, 32), format="WEBP", max_frames=10))

        assert getattr(image, "n_frames", 1) == 3
        image.seek(2)
        assert alike(colour_at(image.convert("RGB"), 0.5, 0.5), BLUE)
        assert image.info["duration"] == 120

    def test_no_more_frames_are_made_than_asked_for(self) -> None:
        image = shown(moving("GIF"), ThumbnailSpec(size=(32, 32), format="WEBP", max_frames=2))

        assert getattr(image, "n_frames", 1) == 2

    def test_the_pixels_of_all_frames_together_are_limited(self) -> None:
        spec = ThumbnailSpec(size=(32, 32), format="WEBP", max_frames=10, max_pixels=2 * 100 * 80)

        assert getattr(shown(moving("GIF"), spec), "n_frames", 1) == 2

    def test_an_animation_ends_before_a_frame_of_another_size(self) -> None:
        small, large = encoded(plain((16, 16)), "GIF"), encoded(plain((100, 80)), "GIF")
        colours = 3 << (large[10] & 7) + 1
        growing = small[:-1] + large[13 + colours :]
        assert getattr(decoded(growing), "n_frames", 1) == 2

        image = shown(growing, ThumbnailSpec(size=(32, 32), format="WEBP", max_frames=10))

        assert image.size == (16, 16)
        assert getattr(image, "n_frames", 1) == 1

    def test_the_pages_of_a_document_are_no_animation(self) -> None:
        pages = encoded(plain(), "TIFF", save_all=True, append_images=[plain(colour=BLUE)])

        image = shown(pages, ThumbnailSpec(size=(32, 32), format="WEBP", max_frames=10))

        assert getattr(image, "n_frames", 1) == 1


def moving(source: str) -> bytes:
    first, *others = [plain((100, 80), colour) for colour in (RED, GREEN, BLUE)]
    return encoded(first, source, save_all=True, append_images=others, duration=[80, 100, 120])


class TestRejects:
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"\x00" * 100, id="zeros"),
            pytest.param(b"GIF89a", id="only a GIF's signature"),
            pytest.param(b"\xff\xd8\xff", id="only a JPEG's signature"),
            pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="SVG"),
            pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="EPS"),
            pytest.param(b"%PDF-1.7\n", id="PDF"),
            pytest.param(b"BLP2" + bytes(200), id="BLP"),
            pytest.param(b"P6 1 1 255 abc", id="PPM"),
        ],
    )
    def test_what_is_no_picture_of_an_accepted_format(self, data: bytes) -> None:
        with pytest.raises(Reject, match="not a readable image"):
            make_thumbnail(data, SPEC)

    @pytest.mark.parametrize("source", ["PPM", "ICO", "TGA", "PCX", "JPEG2000", "SGI", "DDS"])
    def test_a_good_picture_of_a_format_that_is_not_accepted(self, source: str) -> None:
        with pytest.raises(Reject, match="not a readable image"):
            make_thumbnail(encoded(plain(), source), SPEC)

    def test_an_empty_object(self) -> None:
        with pytest.raises(Reject, match="empty"):
            make_thumbnail(b"", SPEC)

    def test_too_many_bytes(self) -> None:
        data = encoded(plain())

        with pytest.raises(Reject, match="more than 10 bytes"):
            make_thumbnail(data, ThumbnailSpec(max_bytes=10))

    def test_too_many_pixels(self) -> None:
        with pytest.raises(Reject, match=r"3,072 pixels; at most 3,071"):
            make_thumbnail(encoded(plain((64, 48))), ThumbnailSpec(max_pixels=64 * 48 - 1))

    @pytest.mark.parametrize("side", [7_000, 9_000, 12_000, 50_000])
    def test_a_small_file_that_promises_a_huge_picture(self, side: int) -> None:
        # From 9,459 pixels a side on Pillow warns, from 13,377 on it refuses.
        with pytest.raises(Reject, match="pixels"):
            make_thumbnail(png_of_claimed_size(side, side), SPEC)

    @pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
    def test_a_file_that_was_cut_short(self, source: str) -> None:
        noise = Image.effect_noise((200, 150), 80).convert("RGB")
        data = encoded(noise, source)

        for length in range(0, len(data) - 2, max(1, len(data) // 60)):
            with pytest.raises(Reject):
                make_thumbnail(data[:length], SPEC)

    def test_the_reason_holds_nothing_of_the_file_and_the_error_is_kept(self) -> None:
        data = encoded(plain((200, 150)), "PNG")[:-40]

        with pytest.raises(Reject) as caught:
            make_thumbnail(data, SPEC)

        assert caught.value.error is caught.value.__cause__ is not None


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_picture_gives_the_same_bytes(target: ThumbnailFormat) -> None:
    data = encoded(corners(), "JPEG")
    spec = ThumbnailSpec(size=(64, 64), format=target)

    assert make_thumbnail(data, spec) == make_thumbnail(data, spec)


@pytest.mark.parametrize("source", ["PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_thumbnails_made_together_are_those_made_alone(source: str) -> None:
    data = encoded(corners(), source)
    specs = [ThumbnailSpec(size=(side, side), format=target) for side in (200, 64) for target in TARGETS]

    assert list(make_thumbnails(data, specs)) == [make_thumbnail(data, spec) for spec in specs]


@pytest.mark.parametrize("orientation", [1, 6])
def test_thumbnails_of_a_jpeg_made_together_are_upright_and_of_their_sizes(orientation: int) -> None:
    picture, exif = held(corners((640, 320)), orientation)
    sizes = [(32, 32), (200, 200), (64, 640)]

    made = make_thumbnails(encoded(picture, "JPEG", exif=exif), [ThumbnailSpec(size=size) for size in sizes])

    assert [(one.width, one.height) for one in made] == [(32, 16), (200, 100), (64, 32)]
    assert all(alike(colour_at(decoded(one.data), 0.1, 0.1), RED, 12) for one in made)


def test_an_animation_and_a_still_picture_are_made_together() -> None:
    frames = [plain(colour=colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)
    moving, still = ThumbnailSpec(format="WEBP", max_frames=5), ThumbnailSpec(format="PNG")

    first, second = make_thumbnails(data, [moving, still])

    assert (first, second) == (make_thumbnail(data, moving), make_thumbnail(data, still))
    assert getattr(decoded(first.data), "n_frames", 1) == 2


def test_the_text_of_a_thumbnail_does_not_show_its_bytes() -> None:
    assert repr(make_thumbnail(encoded(plain((8, 6))), SPEC)) == "Thumbnail(width=8, height=6)"


@pytest.mark.parametrize(
    "options",
    [
        {"size": (0, 10)},
        {"size": (10, 20_000)},
        {"format": "BMP"},
        {"quality": 0},
        {"quality": 101},
        {"max_pixels": 0},
        {"max_bytes": 0},
        {"max_frames": 0},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        ThumbnailSpec(**cast("dict[str, int]", options))  # type: ignore[arg-type]


def samples() -> list[bytes]:
    noise = Image.effect_noise((40, 30), 80)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb = Image.merge("RGB", (noise, noise, noise))
    return [
        encoded(rgb, "JPEG", exif=exif),
        encoded(rgb.convert("CMYK"), "JPEG", progressive=True),
        encoded(rgb, "PNG", exif=exif),
        encoded(rgb.quantize(16), "PNG", transparency=1),
        encoded(noise.convert("I;16"), "PNG"),
        encoded(rgb, "TIFF", compression="tiff_lzw"),
        encoded(noise.convert("F"), "TIFF"),
        encoded(rgb, "BMP"),
        *(moving(source) for source in ("GIF", "WEBP", "PNG")),
    ]


SAMPLES = samples()


def outcome(data: bytes, spec: ThumbnailSpec) -> Thumbnail | Reject:
    try:
        return make_thumbnail(data, spec)
    except Reject as reject:
        return reject


@pytest.mark.filterwarnings("ignore")  # as in production, so that what comes after a warning is met
@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20),
    header_only=st.booleans(),
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
    max_frames=st.sampled_from([1, 5]),
)
def test_damaged_bytes_give_a_thumbnail_or_a_reject_and_nothing_else(
    data: bytes,
    changes: list[tuple[float, int]],
    header_only: bool,  # noqa: FBT001
    cut: float,
    max_frames: int,
) -> None:
    damaged = bytearray(data)
    reach = min(len(damaged), 200) if header_only else len(damaged)
    for place, value in changes:
        damaged[int(place * reach)] = value

    result = outcome(
        bytes(damaged[: int(cut * len(damaged))]),
        ThumbnailSpec(size=(32, 32), format="WEBP", max_pixels=1_000_000, max_frames=max_frames),
    )

    assert isinstance(result, Thumbnail | Reject)
    if isinstance(result, Thumbnail):
        assert decoded(result.data).size == (result.width, result.height)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00"])
)
def test_arbitrary_bytes_give_a_thumbnail_or_a_reject_and_nothing_else(tail: bytes, signature: bytes) -> None:
    assert isinstance(outcome(signature + tail, SMALL_LIMITS), Thumbnail | Reject)
