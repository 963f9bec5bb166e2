"""Kinesalite, a server of Kinesis that knows splits and merges: a package of npm, which is installed when it is needed.

It goes into a folder of pytest's cache, at one version, and stays there. Where npm is not, or cannot install it, the
tests that need it are skipped.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

VERSION = "3.3.3"
SCRIPT = Path(__file__).with_suffix(".js")
HOST = "127.0.0.1"
INSTALL_SECONDS = 120
CALL_SECONDS = 10


@contextmanager
def start_kinesalite(folder: Path) -> Generator[str]:
    """Run the server for the length of a `with` block, and give its URL; it is installed into the folder."""
    modules = _installed(folder)
    with socket.create_server((HOST, 0), backlog=64) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [_tool("node"), SCRIPT, str(listener.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            env={**os.environ, "NODE_PATH": str(modules)},
        )
    with process:
        try:
            yield url
        finally:
            process.kill()


def set_ahead(url: str, seconds: int) -> None:
    """Let time pass on the server."""
    with urlopen(f"{url}/ahead/{seconds}", timeout=CALL_SECONDS):  # noqa: S310 - the URL is that of the server above
        pass


def _installed(folder: Path) -> Path:
    """The folder with the package, and with what it needs."""
    modules = folder / "node_modules"
    if not modules.is_dir():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _install(scratch)
            with suppress(OSError):  # another process of the same tests was faster
                (Path(scratch) / "node_modules").rename(modules)
    return modules


def _install(folder: str) -> None:
    options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--prefix", folder]
    command = [_tool("npm"), "install", *options, f"kinesalite@{VERSION}"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm cannot install kinesalite {VERSION}: {error}")


def _tool(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not here; kinesalite needs Node.js and npm")
