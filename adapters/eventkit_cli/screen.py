"""Lines for people: coloured on a terminal, unless NO_COLOR is set, and harmless whatever a text holds."""

import os
from typing import TextIO

__all__ = ["Screen", "plain"]

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

Part = str | tuple[str, str]
"""A text, or a text with its style: words such as `bold red`."""


class Screen:
    """Writes lines to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def line(self, *parts: Part) -> None:
        """Write the parts as one line."""
        text = "".join(self._painted(part) for part in parts)
        encoding = self._stream.encoding or "utf-8"
        # A terminal that cannot show an arrow must not end the program.
        self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()

    def _painted(self, part: Part) -> str:
        text, style = (part, "") if isinstance(part, str) else part
        if not (style and self._coloured):
            return plain(text)
        codes = ";".join(_CODES[word] for word in style.split())
        return f"\x1b[{codes}m{plain(text)}\x1b[0m"


def plain(text: str) -> str:
    """The text with what does not print escaped: names and keys come from outside, and terminals obey them."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
