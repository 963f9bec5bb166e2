"""What goes wrong, in sentences: a traceback is shown for the app's own code alone, and only the part that helps."""

import sys
import sysconfig
import traceback
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from eventkit_cli.screen import Screen

__all__ = ["FAILED", "UNREACHABLE", "WRONG", "explained", "place_of", "short_trace"]

FAILED = 1
"""The app's own code failed, or left something undone."""

WRONG = 2
"""Wrong usage, configuration or declaration; what click exits with for its own part."""

UNREACHABLE = 3
"""AWS, or what stands for it, refused or could not be reached."""

FRAMES = 6
_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_LIBRARIES = frozenset({"click", "typer"})
_OURS = tuple(
    f"eventkit{name}" for name in ("", "_aws", "_cli", "_deploy", "_lambda", "_local", "_poller", "_telemetry")
)


@contextmanager
def explained() -> Generator[None]:
    """Turn what is raised inside into a sentence on standard error, and the process's end."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever the app's own code raises
        sys.exit(_tell(error, Screen(sys.stderr)))


def _tell(error: Exception, screen: Screen) -> int:
    """Write what happened, and return the exit code."""
    from eventkit.errors import EventkitError  # not needed for `eventkit --help`

    ours = isinstance(error, EventkitError)
    screen.line(("eventkit: ", "bold red"), str(error) if ours else "the app stopped with an error")
    for line in getattr(error, "__notes__", ()) if ours else short_trace(error):
        screen.line(f"  {line}")
    return _code_of(error)


def _code_of(error: Exception) -> int:
    from eventkit.errors import BackendError, DecodeError, EventkitError

    match error:
        case BackendError():
            return UNREACHABLE
        case DecodeError():
            return FAILED
        case EventkitError():
            return WRONG
        case _:
            return FAILED


def short_trace(error: BaseException) -> Iterable[str]:
    """Where in the app's own code an error was raised, and what it says."""
    error = _first(error)
    for frame in _frames(error)[-FRAMES:]:
        yield f"{_short(frame.filename)}:{frame.lineno} in {frame.name}"
        if frame.line:
            yield f"    {frame.line}"
    for text in traceback.format_exception_only(error):
        yield from text.rstrip().splitlines()


def _first(error: BaseException) -> BaseException:
    """The first error of a group, or the error itself."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    return _first(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])


def place_of(error: BaseException) -> str | None:
    """The last line of the app's own code that an error came through: `blog/app.py:12 in make`."""
    frames = _frames(error)
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno} in {frames[-1].name}" if frames else None


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames that are neither eventkit's nor what runs it."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_plumbing(frame.filename)]


def _is_plumbing(filename: str) -> bool:
    file = Path(filename)
    if filename.startswith("<frozen "):
        return True
    installed = not _INSTALLED.isdisjoint(file.parts)
    running = not _LIBRARIES.isdisjoint(file.parts) if installed else file.is_relative_to(_STDLIB)
    return running or any(file.is_relative_to(folder) for folder in _our_folders())


@cache
def _our_folders() -> tuple[Path, ...]:
    specs = [find_spec(name) for name in _OURS]
    return tuple(Path(place) for spec in specs if spec for place in spec.submodule_search_locations or ())


def _short(filename: str) -> str:
    """The file's name from the current directory, where it lies under it."""
    file, here = Path(filename), Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else filename
