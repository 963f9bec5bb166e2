"""Sample events that other projects publish, where they are: `../shared/corpora` beside the checkout."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "corpora"

needed = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the sample events are not in {FOLDER}")


def files(*services: str) -> list[str]:
    """The names of the sample files of these services."""
    return sorted(str(path.relative_to(FOLDER)) for service in services for path in (FOLDER / service).glob("*.json"))


@cache
def text(file: str) -> str:
    """The text of a sample file."""
    return (FOLDER / file).read_text(encoding="utf-8")


def load(file: str) -> Any:  # noqa: ANN401 - any JSON
    """The parsed JSON of a sample file; a new copy each time."""
    return json.loads(text(file))
