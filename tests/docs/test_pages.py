"""Every code block of the documentation works, or is listed here with the reason why it is not run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import LANGUAGES, PAGES, ROOT, Block, blocks_of

BLOCKS = [block for page in PAGES for block in blocks_of(page)]

NOT_RUN = {
    "make ": "sets up an environment of its own, and runs this suite",
    "python -m pip install": "installs into the environment that the tests run in",
    "eventkit dev": "starts the emulator, which is downloaded once; the tests of eventkit_local start it",
    "eventkit run": "polls until it is stopped; the tests of eventkit_poller run it",
    "python3 -m venv": "makes an environment in the reader's home",
    "~/blog/.venv/bin/python -m pip install": "installs into that environment",
    "cd ~/blog": "goes there",
    ". .venv/bin/activate": "likewise, for the shell of a person",
}
"""How the commands in `console` blocks begin, and why none of them is run here."""


def run(page: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the page's blocks in a folder."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.docs.run_page", str(page)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    result = run(page, tmp_path)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "block",
    [
        "```python\nraise ValueError\n```",
        "```python\n# shop/app.py\nraise ValueError\n```",
        "```python\nprint(1)\n```\n```text output\n2\n```",
        "```sh\nfalse\n```",
        "```sh\nfalse | true\n```",
        "```json\n{]\n```",
    ],
)
def test_a_block_that_does_not_work_is_noticed(block: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{block}\n", "utf-8")

    result = run(page, tmp_path)

    assert result.returncode != 0


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_says_what_is_done_with_it(block: Block) -> None:
    assert block.language in LANGUAGES
    assert block.note in {"", "output"} or block.note.startswith("file=")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "console"], ids=lambda b: b.place)
def test_a_command_that_is_not_run_has_a_reason(block: Block) -> None:
    commands = [line.removeprefix("$ ") for line in block.code.splitlines() if line.startswith("$ ")]

    assert commands
    assert [command for command in commands if not command.startswith(tuple(NOT_RUN))] == []


def test_every_fence_is_closed_and_understood() -> None:
    for page in PAGES:
        fences = [line for line in page.read_text("utf-8").splitlines() if line.lstrip().startswith("```")]

        assert len(fences) == 2 * len(blocks_of(page)), page
