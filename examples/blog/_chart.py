"""Bars in SVG, in light and dark."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Bar", "Panel", "chart"]

WIDTH = 720
LABELS = 190
VALUES = 110
ROW = 26
HEAD = 34
GAP = 14

STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.edge { fill: #1a7f37; } .origin { fill: #9a6700; } .ground { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .ground { fill: #0d1117; } .edge { fill: #3fb950; } .origin { fill: #d29922; }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: what it is, how long it is, what is written at its end, and whether it is the edge's."""

    label: str
    value: float
    text: str
    edge: bool = True


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars that have one scale."""

    title: str
    bars: Sequence[Bar]


def chart(title: str, panels: Sequence[Panel]) -> str:
    """An SVG of panels one below another; the title is for those who do not see it."""
    height = sum(HEAD + ROW * len(panel.bars) + GAP for panel in panels) + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title><style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
            *_panels(panels),
            "</svg>\n",
        ]
    )


def _panels(panels: Sequence[Panel]) -> Iterator[str]:
    top = GAP
    for panel in panels:
        yield f'<text class="title" x="{GAP}" y="{top + 18}">{escape(panel.title)}</text>'
        longest = max(bar.value for bar in panel.bars) or 1.0
        for number, bar in enumerate(panel.bars):
            yield _bar(bar, top + HEAD + ROW * number, longest)
        top += HEAD + ROW * len(panel.bars) + GAP


def _bar(bar: Bar, top: int, longest: float) -> str:
    length = max(1.0, bar.value / longest * (WIDTH - LABELS - VALUES - 2 * GAP))
    kind = "edge" if bar.edge else "origin"
    return (
        f'<text x="{GAP}" y="{top + 15}">{escape(bar.label)}</text>'
        f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{length:.1f}" height="{ROW - 6}" rx="2"/>'
        f'<text x="{LABELS + length + 8:.1f}" y="{top + 15}">{escape(bar.text)}</text>'
    )
