"""Whether what is there is as the app needs it, for `eventkit generate --check`."""

from eventkit.app import App
from eventkit.errors import ConfigurationError
from eventkit.names import Names
from eventkit_cli.invoking import read_event
from eventkit_deploy import faults_of

__all__ = ["require_right"]


def require_right(kind: str, file: str, app: App, names: Names) -> None:
    """Raise `ConfigurationError`, with a note for each fault, where the mappings in a file are not as they must be."""
    if kind != "mappings":
        raise ConfigurationError(f"--check compares mappings, and not {kind}: write generate mappings … --check {file}")
    faults = faults_of(app, names, read_event(file))
    if faults:
        error = ConfigurationError("the event source mappings are not as the app needs them:")
        for fault in faults:
            error.add_note(fault)
        raise error
