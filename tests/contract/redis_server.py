"""A real server of Redis, or of Valkey, as the system has it: on the loopback interface, without a disk."""

import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")

needs_redis = pytest.mark.skipif(SERVER is None, reason="no redis-server or valkey-server is installed")


@contextmanager
def start_redis() -> Generator[str]:
    """Run a server for the length of the block; gives its URL."""
    assert SERVER is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--daemonize", "no"]
    with subprocess.Popen([SERVER, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any("Ready to accept connections" in line for line in process.stdout), "the server did not start"
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
