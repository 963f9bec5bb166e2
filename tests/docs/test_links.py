"""What the pages point to is there."""

import re
import string
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, prose_of

PATH = re.compile(r"(adapters|benchmarks|docs|eventkit\w*|examples|handlers|src|tests|tools)/.*|.*\.(md|toml)")
ROOTS = ("", "src/", "adapters/", "handlers/")
"""Where a path that a page names may begin: `eventkit/batch.py` is below `src`."""


def anchors_of(page: Path) -> set[str]:
    """The headings of a page as GitHub makes links of them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    kept = {*string.ascii_lowercase, *string.digits, " ", "-", "_"}
    return {"".join(letter for letter in one.lower() if letter in kept).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose_of(page))

    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page

        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_path_that_a_page_names_is_there(page: Path) -> None:
    words = set(re.findall(r"`([\w./-]+)`", prose_of(page)))

    paths = [word for word in sorted(words) if PATH.fullmatch(word)]

    assert [path for path in paths if not any((ROOT / f"{root}{path}").exists() for root in ROOTS)] == []


def test_every_page_is_listed_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")

    assert [page.name for page in PAGES if page.parent.name == "docs" and f"({page.name})" not in index] == ["index.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_says_to_install_somebody_elses_project(page: Path) -> None:
    assert not re.search(r"pip install\s+['\"]?eventkit(?!-aws)\b", page.read_text("utf-8"))
