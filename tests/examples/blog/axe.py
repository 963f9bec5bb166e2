"""axe-core, which knows the rules of accessible pages: a package of npm, which is fetched when it is needed.

It goes into a folder of pytest's cache, at one version, and stays there. Where npm is not, or cannot fetch it, the
tests that need it are skipped.
"""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.examples.blog.browser import Page

__all__ = ["VERSION", "faults_of", "fetched"]

VERSION = "4.14.1"
MEMBER = "package/axe.min.js"
FETCH_SECONDS = 120

RUN = """async () => {
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}"""


def fetched(folder: Path) -> str:
    """The script; it is kept in the folder."""
    script = folder / "axe.min.js"
    if not script.is_file():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _unpack(_pack(scratch), Path(scratch)).replace(script)  # whole, whoever else does the same
    return script.read_text(encoding="utf-8")


async def faults_of(page: Page, script: str) -> list[str]:
    """What axe-core finds on the page as it is now, contrasts included; everything, whatever its weight."""
    await page.evaluate(script)
    faults: list[Any] = await page.evaluate(RUN)
    return [*map(str, faults)]


def _pack(folder: str) -> Path:
    npm = shutil.which("npm") or pytest.skip("npm is not here; it fetches axe-core")
    command = [npm, "pack", f"axe-core@{VERSION}", "--silent", "--fetch-retries=0", "--pack-destination", folder]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_SECONDS)
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm cannot fetch axe-core {VERSION}: {error}")
    return next(Path(folder).glob("*.tgz"))


def _unpack(package: Path, folder: Path) -> Path:
    with tarfile.open(package) as archive:
        archive.extract(MEMBER, folder, filter="data")
    return folder / MEMBER
