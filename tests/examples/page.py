"""A reader of the contact sheet: what a person would find on it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path


@dataclass
class Page(HTMLParser):
    """Its images by their addresses, its cards by their outcomes, and all its text."""

    images: dict[str, str] = field(default_factory=dict[str, str])
    cards: list[str] = field(default_factory=list[str])
    outside: list[str] = field(default_factory=list[str])
    words: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.images[found["src"]] = found["alt"]
        if "data-outcome" in found:
            self.cards.append(found["data-outcome"])
        self.outside += [found[name] for name in ("src", "href") if "//" in found.get(name, "")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read_page(file: Path) -> Page:
    page = Page()
    page.feed(file.read_text(encoding="utf-8"))
    page.close()
    return page
