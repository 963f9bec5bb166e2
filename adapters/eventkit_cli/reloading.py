"""Changes of the app's files, for `eventkit run --reload`."""

from collections.abc import AsyncIterable
from importlib.util import find_spec
from pathlib import Path

from eventkit.errors import MissingExtraError
from eventkit_cli.loading import Reference, require_module

__all__ = ["changes", "folders"]


def changes(reference: Reference) -> list[AsyncIterable[object]]:
    """What yields when Python files of the app's package, or in the current directory, change; once for many at once.

    Raises `MissingExtraError` where watchfiles is not installed, and `ConfigurationError` where there is no module.
    """
    try:
        # Its type names an event of trio's, too, which is not installed.
        from watchfiles import PythonFilter, awatch  # pyright: ignore[reportUnknownVariableType]
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "watchfiles", "reload") from error

    packages = folders(reference)
    here = awatch(Path.cwd(), watch_filter=PythonFilter(), recursive=False)
    return [here, awatch(*packages, watch_filter=PythonFilter())] if packages else [here]


def folders(reference: Reference) -> list[Path]:
    """The folders of the app's outermost package, of which nothing is imported; none for a module without one."""
    require_module(reference)
    spec = find_spec(reference.module.partition(".")[0])
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
