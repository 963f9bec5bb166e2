"""The virtual environment of the emulator: made once for each user, then reused.

ministack and aioboto3 each pin a botocore of their own, so they cannot share an environment.
"""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from eventkit.errors import ConfigurationError

VERSION = "1.5.33"
"""The release of ministack that is installed, and the oldest that is accepted."""

Progress = Callable[[str], None]
"""Takes one line of text for a person who waits."""

_CONSTRAINTS = Path(__file__).with_name("ministack-constraints.txt")
_REQUIREMENTS = ("ministack", "cryptography", "boto3")
_STEP_SECONDS = 900.0
_TAIL_LINES = 15


def silent(_: str) -> None:
    """Take a line of progress and show it to nobody."""


def environment_folder(environ: Mapping[str, str]) -> Path:
    """Name the folder of the environment.

    It lies in `EVENTKIT_CACHE` where that is set, else in `eventkit` under `XDG_CACHE_HOME` or `~/.cache`, and is named
    after the release of ministack and of Python, because an environment serves one of each.
    """
    if chosen := environ.get("EVENTKIT_CACHE"):
        cache = Path(chosen)
    else:
        cache = Path(environ.get("XDG_CACHE_HOME") or "~/.cache") / "eventkit"
    return cache.expanduser().absolute() / f"ministack-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"


def ensure_environment(progress: Progress = silent, *, folder: Path | None = None) -> Path:
    """Give the Python interpreter of the emulator's environment, making the environment where it is not complete.

    Making it installs about 110 MB with pip (its usual configuration applies) and takes some ten seconds; meanwhile the
    call blocks, and `progress` gets a line for each step. Processes that come at once wait for the one that makes it.

    Args:
        progress: Called with one line of text at a time, on the calling thread.
        folder: Where the environment is, instead of `environment_folder` of this process.

    Raises:
        ConfigurationError: The folder cannot be written, this Python cannot make environments, or pip failed; the text
            ends with the last lines of its output.
    """
    if os.name != "posix":
        raise ConfigurationError("the embedded emulator runs on Linux and macOS; on Windows, run it inside WSL")
    place = folder or environment_folder(os.environ)
    if not _is_complete(place):
        _build_once(place, progress)
    return _python(place)


def _build_once(folder: Path, progress: Progress) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(folder, progress):
            if not _is_complete(folder):
                _build(folder, progress)
    except OSError as error:
        raise ConfigurationError(
            f"the emulator's environment cannot be made in {folder} ({error}): "
            "set EVENTKIT_CACHE to a folder that can be written"
        ) from error


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _stamp(folder: Path) -> Path:
    return folder / "eventkit-complete.txt"


def _is_complete(folder: Path) -> bool:
    """Tell whether the last step was done, with these constraints, and the Python it was made with is still there."""
    try:
        return _stamp(folder).read_text() == _CONSTRAINTS.read_text() and _python(folder).exists()
    except OSError:
        return False


@contextmanager
def _only_builder(folder: Path, progress: Progress) -> Generator[None]:
    """Hold the lock of `folder`; the kernel releases it when the holders end, however they end."""
    import fcntl  # absent on Windows, where this module must still import

    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        # Inheritable, so that pip, should it survive us, keeps the next builder out until it is done.
        os.set_inheritable(lock.fileno(), True)  # noqa: FBT003 - positional by its signature
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Waiting for another process, which is setting up the emulator")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path, progress: Progress) -> None:
    _require_venv()
    steps = _Steps(progress)
    steps.say(f"Setting up the emulator (ministack {VERSION}) in {folder}: this is done once and takes about 110 MB")
    # An environment cannot be moved, so it is made in place, and the stamp alone says that it is whole.
    _stamp(folder).unlink(missing_ok=True)
    steps.run([sys.executable, "-I", "-m", "venv", "--clear", str(folder)])
    pip = [str(_python(folder)), "-I", "-u", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    steps.run([*pip, "--constraint", str(_CONSTRAINTS), *_REQUIREMENTS])
    _stamp(folder).write_text(_CONSTRAINTS.read_text())
    steps.say("The emulator is set up")


def _require_venv() -> None:
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the emulator needs an environment of its own, and this Python has no {' and no '.join(missing)} to make "
            "one with: on Debian and Ubuntu run  apt install python3-venv"
        )


@dataclass(frozen=True, slots=True)
class _Steps:
    """Runs the commands of a build, telling how far it is and for how long it has run."""

    progress: Progress
    started: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        self.progress(f"{line} ({time.monotonic() - self.started:.0f} s)")

    def run(self, command: Sequence[str]) -> None:
        tail: deque[str] = deque(maxlen=_TAIL_LINES)

        def heed(line: str) -> None:
            tail.append(line)
            if headline := _headline(line):
                self.say(headline)

        status = _run(command, heed)
        if status != 0:
            said = "\n".join(tail)
            raise ConfigurationError(
                f"setting up the emulator failed: {' '.join(command[:5])} … ended with status {status}, saying\n{said}"
            )


def _run(command: Sequence[str], heed: Callable[[str], None]) -> int:
    """Run a command, heed each line as it is printed, and give the exit status."""
    with subprocess.Popen(  # noqa: S603 - the commands are those of _build
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=False,  # the lock alone is inheritable
        encoding="utf-8",
        errors="replace",
    ) as process:
        watchdog = threading.Timer(_STEP_SECONDS, process.kill)
        watchdog.start()
        try:
            for line in process.stdout or ():
                heed(line.rstrip())
        except BaseException:
            process.kill()
            raise
        finally:
            watchdog.cancel()
    return process.returncode


def _headline(line: str) -> str | None:
    """Shorten a line of pip's output to what a person wants to follow, or give None where that is nothing."""
    match line.split():
        case ["Collecting", requirement, *_]:
            return f"Collecting {requirement}"
        case ["Installing", "collected", *_]:
            return "Installing"
        case _:
            return None
