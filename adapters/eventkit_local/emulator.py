"""AWS on this machine: ministack as a child process, on the loopback interface, gone when its starter is gone."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

from eventkit.errors import BackendError, ConfigurationError
from eventkit_local._environment import VERSION, Progress, ensure_environment, silent

__all__ = ["Emulator", "Progress", "ensure_environment", "start_emulator"]

REGION = "us-east-1"
_HOST = "127.0.0.1"
_START_SECONDS = 60.0
_CALL_SECONDS = 30.0
_LOG_LINES = 20

_GUARD = Path(__file__).with_name("_guard.py")
_INHERITED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ")
# Made up: ministack takes any, and real ones must not reach the functions that it runs.
_CREDENTIALS = MappingProxyType({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
_SETTINGS = MappingProxyType(
    {
        "BIND_HOST": _HOST,
        "IOT_MTLS_ENABLED": "0",  # or it listens on port 8883 of every interface, whatever BIND_HOST says
        "SFTP_ENABLED": "0",  # likewise
        "DOCKER_HOST": "unix:///nonexistent",  # or it tidies up containers that are not ours
        "LOG_LEVEL": "WARNING",
        "AWS_DEFAULT_REGION": REGION,
        **_CREDENTIALS,
    }
)
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Attributes:
        endpoint_url: What AWS clients take as their `endpoint_url`; queues carry its port in their URLs.
        pid: The process; it leads a process group of its own.
        log: The file that takes what it prints, at level WARNING; it goes with the emulator.
    """

    endpoint_url: str
    pid: int
    log: Path

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables that point any AWS SDK of another process here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **_CREDENTIALS,
        }

    def reset(self) -> None:
        """Forget every resource and all data, which takes some 50 ms and blocks.

        Raises:
            BackendError: The emulator does not answer, or refuses.
        """
        _call(self.endpoint_url, "POST", "/_ministack/reset")

    def log_tail(self) -> str:
        """Give the last lines that the emulator printed."""
        return _tail(self.log)


@contextmanager
def start_emulator(
    *,
    progress: Progress = silent,
    port: int = 0,
    settings: Mapping[str, str] = _NO_SETTINGS,
    folder: Path | None = None,
) -> Generator[Emulator]:
    """Run an emulator for the length of a `with` block.

    Starting blocks for about half a second, and for as long as `ensure_environment` needs where that was not called
    before; stopping takes some milliseconds. So a coroutine may use it as it is. The process holds its state in memory,
    listens on the loopback interface only, ignores the terminal's Ctrl-C (the starter drains first), and ends with the
    starter however that ends.

    Args:
        progress: Takes the lines of `ensure_environment`.
        port: Where it listens; 0 lets the kernel choose.
        settings: Further environment variables of ministack, such as `{"AUTH": "true"}`. The caller's own environment
            is not inherited.
        folder: Where its environment is, as in `ensure_environment`.

    Raises:
        ConfigurationError: The environment cannot be made, or the port is taken.
        BackendError: It does not start; the text ends with the last lines of its log.
    """
    python = ensure_environment(progress, folder=folder)
    # The guard may be clearing the same folder.
    with tempfile.TemporaryDirectory(prefix="eventkit-emulator-", ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        with _listen(port) as listener:
            url = f"http://{_HOST}:{listener.getsockname()[1]}"
            process = _spawn(python, listener, scratch, settings)
        emulator = Emulator(url, process.pid, scratch / "emulator.log")
        try:
            _require_health(emulator)
            yield emulator
        finally:
            _end(process)


def _listen(port: int) -> socket.socket:
    """Listen here and hand the socket on, so that nobody else takes the port, and a call waits until it is served."""
    try:
        return socket.create_server((_HOST, port), backlog=1024)
    except OSError as error:
        raise ConfigurationError(f"the emulator cannot listen on port {port}: {error.strerror}") from error


def _spawn(
    python: Path, listener: socket.socket, scratch: Path, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    server = ["hypercorn", "ministack.app:app", "--bind", f"fd://{listener.fileno()}", "--workers", "0"]
    with (scratch / "emulator.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - the command is made here
            [python, "-I", _GUARD, scratch, *server, "--keep-alive", "75", "--log-level", "WARNING"],
            stdin=subprocess.PIPE,  # what the guard watches
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=scratch,
            env=_environment(listener.getsockname()[1], scratch, settings),
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )


def _environment(port: int, scratch: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Compose the variables of the process; whatever it writes goes to `scratch`."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    places = dict.fromkeys(("HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"), str(scratch))
    return {**inherited, **places, **_SETTINGS, **settings, "GATEWAY_PORT": str(port)}


def _require_health(emulator: Emulator) -> None:
    try:
        body = _call(emulator.endpoint_url, "GET", "/_ministack/health", seconds=_START_SECONDS)
    except BackendError as error:
        raise BackendError(f"the emulator did not start; the end of its log:\n{emulator.log_tail()}") from error
    version = str(cast("dict[str, object]", json.loads(body)).get("version"))
    if _release(version) < _release(VERSION):
        raise BackendError(
            f"the emulator is ministack {version}, and {VERSION} or newer is needed: its older releases err"
        )


def _release(version: str) -> tuple[int, ...]:
    """Make a version comparable; what is not a number ends it."""
    parts: list[int] = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        parts.append(int(part))
    return tuple(parts)


def _call(url: str, method: str, path: str, *, seconds: float = _CALL_SECONDS) -> bytes:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=seconds)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise BackendError(f"the emulator at {url} does not answer {method} {path}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise BackendError(f"the emulator at {url} answered {method} {path} with status {response.status}")
    return body


def _end(process: subprocess.Popen[bytes]) -> None:
    # Before it is reaped, so that the id of its group cannot be somebody else's; macOS refuses for a group of zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with process:
        process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
