"""The contact sheet: a page with every original, what came of it, and how long that took."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path, PurePath
from statistics import median
from string import Template
from urllib.parse import quote

from PIL import Image

from examples.blog._photographs import Picture
from examples.blog._results import Refusal, counted
from examples.blog.app import SPEC

__all__ = ["Entry", "Invoked", "Sheet", "write_sheet"]

TEMPLATE = Path(__file__).with_name("_sheet.html")


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture and what came of it. `handled` and `settled` are seconds: in the handler, and since its upload."""

    picture: Picture
    thumbnail: bytes | None
    refusal: Refusal | None
    path: Sequence[str]
    handled: float
    settled: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class Invoked:
    """An invocation of the Lambda function, in seconds."""

    records: int
    seconds: float
    cold: bool
    response: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that is on the page. `faults` are the sentences about what did not happen."""

    entries: Sequence[Entry]
    invocations: Sequence[Invoked]
    faults: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Shown:
    """An entry with the addresses of its images, relative to the page."""

    entry: Entry
    original: str | None
    thumbnail: str | None


def write_sheet(folder: Path, sheet: Sheet) -> Path:
    """Write the page and its images into the folder, in the place of what was there; returns the page's path."""
    shutil.rmtree(folder, ignore_errors=True)
    shown = [_stored(folder, number, entry) for number, entry in enumerate(sheet.entries, start=1)]
    page = folder / "index.html"
    page.write_text(_page(sheet, shown), encoding="utf-8")
    return page


def _stored(folder: Path, number: int, entry: Entry) -> _Shown:
    name = f"{number:02}"
    original = f"originals/{name}{PurePath(entry.picture.name).suffix}" if _is_showable(entry.picture.data) else None
    thumbnail = f"thumbnails/{name}{SPEC.suffix}" if entry.thumbnail else None
    for place, data in ((original, entry.picture.data), (thumbnail, entry.thumbnail)):
        if place and data:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(data)
    return _Shown(entry, original, thumbnail)


def _is_showable(data: bytes) -> bool:
    """Whether a browser may be asked to show it: it would decode a hostile file, too."""
    try:
        with Image.open(BytesIO(data)) as image:
            return image.width * image.height <= SPEC.max_pixels
    except (OSError, Image.DecompressionBombError):
        return False


def _page(sheet: Sheet, shown: Sequence[_Shown]) -> str:
    made = [one for one in shown if one.entry.thumbnail]
    refused = [one for one in shown if one.entry.refusal]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        headline=f"{counted(len(made), 'thumbnail')}, {counted(len(refused), 'file')} rejected",
        way=_way(sheet.entries),
        verdict=_verdict(sheet.faults),
        figures=_figures(sheet),
        thumbnails="".join(map(_card, made)),
        refusals="".join(map(_card, refused)),
        deliveries="".join(map(_delivery, sheet.entries)),
        invocations="".join(_invocation(number, one) for number, one in enumerate(sheet.invocations, start=1)),
        credits=_credits(sheet.entries),
    )


def _way(entries: Sequence[Entry]) -> str:
    path = next((entry.path for entry in entries if entry.path), ())
    steps = [*(_step(one) for one in reversed(path)), "poller or Lambda", "bucket again, thumbnails/"]
    return "".join(f"<li><span>{escape(step)}</span></li>" for step in steps)


def _step(hop: str) -> str:
    service, _, name = hop.partition(":")
    return f"{ {'s3': 'bucket', 'sns': 'topic', 'sqs': 'queue'}.get(service, service) } {name}"


def _verdict(faults: Sequence[str]) -> str:
    if not faults:
        text = "Both runtimes agree: the same thumbnails byte for byte, the same rejections, the same responses."
        return f'<p class="verdict good"><strong>✓ {text}</strong></p>'
    items = "".join(f"<li>{escape(fault)}</li>" for fault in faults)
    return f'<div class="verdict bad"><strong>✗ Not everything happened.</strong><ul>{items}</ul></div>'


def _figures(sheet: Sheet) -> str:
    figures = {
        "in the handler, median": f"{_ms(median(entry.handled for entry in sheet.entries))} ms",
        "upload to settled, median": f"{_ms(median(entry.settled for entry in sheet.entries))} ms",
        "originals": _size(sum(len(entry.picture.data) for entry in sheet.entries)),
        "thumbnails": _size(sum(len(entry.thumbnail or b"") for entry in sheet.entries)),
        "Lambda invocations": str(len(sheet.invocations)),
    }
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in figures.items())


def _card(shown: _Shown) -> str:
    entry, picture = shown.entry, shown.entry.picture
    original = _image(shown.original, f"{picture.about}, the original", "not shown: your browser would decode it")
    thumbnail = _image(shown.thumbnail, f"{picture.about}, the thumbnail", "—")
    size = f"thumbnail, {_size(len(entry.thumbnail))}" if entry.thumbnail else "no thumbnail"
    reason = f'<p class="reason bad">{escape(entry.refusal.reason)}</p>' if entry.refusal else ""
    return (
        f'<li class="card" data-outcome="{"refusal" if entry.refusal else "thumbnail"}"><div class="pair">'
        f"<figure>{original}<figcaption>original, {_size(len(picture.data))}</figcaption></figure>"
        f"<figure>{thumbnail}<figcaption>{size}</figcaption></figure></div>"
        f'<div class="words"><h3>{escape(picture.name)}</h3><p class="soft">{escape(picture.about)}</p>'
        f"{reason}</div></li>"
    )


def _image(address: str | None, alt: str, otherwise: str) -> str:
    if address is None:
        return f'<div class="none">{escape(otherwise)}</div>'
    source = quote(address)
    return f'<a href="{source}"><img src="{source}" alt="{escape(alt)}" loading="lazy"></a>'


def _delivery(entry: Entry) -> str:
    agreement = '<td class="ok">✓ the same</td>' if entry.agrees else '<td class="no">✗ different</td>'
    outcome = '<td class="no">rejected</td>' if entry.refusal else '<td class="ok">done</td>'
    return (
        f'<tr><th scope="row">{escape(entry.picture.name)}</th><td class="number">{_ms(entry.handled)}</td>'
        f'<td class="number">{_ms(entry.settled)}</td><td class="path">{escape(" ← ".join(entry.path))}</td>'
        f"{outcome}{agreement}</tr>"
    )


def _invocation(number: int, one: Invoked) -> str:
    return (
        f'<tr><th scope="row">{number}</th><td class="number">{one.records}</td>'
        f'<td class="number">{_ms(one.seconds)}</td><td>{"cold" if one.cold else "warm"}</td>'
        f"<td><code>{escape(one.response)}</code></td></tr>"
    )


def _credits(entries: Iterable[Entry]) -> str:
    lines = dict.fromkeys(f"{one.picture.about} ({one.picture.credit})" for one in entries if one.picture.credit)
    if not lines:
        return "<p>The photographs are from your folder.</p>"
    return f"<p>Photographs, as they come with scikit-image: {escape('; '.join(lines))}.</p>"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"  # noqa: PLR2004 - a megabyte
