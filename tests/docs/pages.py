"""The pages of the documentation, and the code blocks in them.

What a block's first line says decides what is done with it:

===================  ===================================================================================
``python``           run, in order, in one namespace for each page; where its first line is a comment with
                     a file's path, the block is written to that file, and imported
``json``             parsed; with ``file=NAME`` written to that file, too
``sh``               run by bash in the page's folder, and must succeed
``text output``      compared with what the block before it printed; ``…`` stands for anything
``console``          for people to type; not run, so `tests/docs/test_pages.py` lists each with its reason
``text``             shown, and nothing more
===================  ===================================================================================
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
LANGUAGES = frozenset({"console", "json", "python", "sh", "text"})

_BLOCK = re.compile(r"^```(\S*) ?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"# ([\w/]+\.py)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block; `line` is where its code begins, counted from 1, and `note` what follows the language."""

    page: Path
    line: int
    language: str
    note: str
    code: str

    @property
    def place(self) -> str:
        inside = self.page.is_relative_to(ROOT)
        return f"{self.page.relative_to(ROOT) if inside else self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block is to be written to, or None."""
        if self.language == "python":
            path = _PATH.match(self.code)
            return path[1] if path else None
        return self.note.removeprefix("file=") if self.note.startswith("file=") else None


def blocks_of(page: Path) -> list[Block]:
    """The page's blocks, in order."""
    text = page.read_text("utf-8")
    found = _BLOCK.finditer(text)
    return [Block(page, text.count("\n", 0, block.start(3)) + 1, block[1], block[2], block[3]) for block in found]


def prose_of(page: Path) -> str:
    """The page without its blocks."""
    return _BLOCK.sub("", page.read_text("utf-8"))
