"""Texts that are made of what somebody writes: a post's name in addresses, and its summary."""

import re
import unicodedata

__all__ = ["is_slug", "slug_of", "summary_of"]

LONGEST = 60
"""Characters of a title's slug; what makes it unique comes to that."""

SUMMARY = 200
"""Characters."""

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def slug_of(title: str) -> str:
    """ASCII letters, digits and hyphens: "Crème brûlée!" becomes `creme-brulee`. What has none of these is `post`."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", plain))[:LONGEST].strip("-") or "post"


def is_slug(text: str) -> bool:
    """Whether a post may have this name."""
    return len(text) <= 2 * LONGEST and SLUG.fullmatch(text) is not None


def summary_of(text: str) -> str:
    """The text's beginning on one line, cut between words where it has any."""
    line = " ".join(text.split())
    return line if len(line) <= SUMMARY else line[:SUMMARY].rsplit(" ", 1)[0] + " …"
