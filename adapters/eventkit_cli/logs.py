"""What the log looks like: an event's name with its facts, for people or as JSON lines."""

import json
import logging
import sys
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from eventkit_cli.screen import plain

__all__ = ["ALONE", "SHOWN", "Level", "LogFormat", "configure_logging", "facts_of", "json_line", "text_line"]

STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
"""What every log record has; the rest are facts, given as `extra`."""

NOISY = ("aiobotocore", "asyncio", "boto3", "botocore", "mail.log", "urllib3", "watchfiles")  # mail.log is aiosmtpd's
"""Libraries whose INFO says nothing about events."""


SHOWN = frozenset(
    {
        "delivery.reject",
        "delivery.retry",
        "event.ignored",
        "event.test",
        "poller.started",
        "poller.stopped",
        "poller.stopping",
    }
)
"""Log events that say what `dev` and `invoke` show anyway."""

ALONE = frozenset({"lease.created", "lease.finished", "lease.handed_over", "lease.released", "lease.taken"})
"""Log events about leases, of which there is nothing to tell where one process has them all."""


class LogFormat(StrEnum):
    """How log records are written."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """From which level on log records are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def facts_of(record: logging.LogRecord) -> Mapping[str, object]:
    """What was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


def json_line(record: logging.LogRecord) -> str:
    """A log record as one line of JSON: time, level, logger and event, then the facts."""
    fields: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": record.getMessage(),
    }
    fields |= {name if name not in fields else f"{name}_": value for name, value in facts_of(record).items()}
    if record.exc_info:
        fields["exception"] = logging.Formatter().formatException(record.exc_info)
    return json.dumps(fields, default=str)


def text_line(record: logging.LogRecord) -> str:
    """A log record for a person; a fact of several lines, such as a trace, goes below."""
    facts = {name: value if isinstance(value, str) else repr(value) for name, value in facts_of(record).items()}
    short = [f"{name}={_quoted(value)}" for name, value in facts.items() if "\n" not in value and value]
    long = [value for value in facts.values() if "\n" in value]
    if record.exc_info:
        long.append(logging.Formatter().formatException(record.exc_info))
    time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
    first = "  ".join([time, f"{record.levelname.lower():7}", record.getMessage(), *short])
    below = [f"    {line}" for text in long for line in text.rstrip().splitlines()]
    return plain("\n".join([first, *below]))


def _quoted(value: str) -> str:
    return repr(value) if " " in value and not value.startswith(("[", "{", "(", "'", '"')) else value


class _Formatter(logging.Formatter):
    def __init__(self, line: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._line = line

    def format(self, record: logging.LogRecord) -> str:
        return self._line(record)


def configure_logging(
    form: LogFormat, level: Level, *, without: Container[str] = (), filters: Iterable[logging.Filter] = ()
) -> None:
    """Write log records from a level on to standard error, `without` those events, through the filters.

    `auto` is for people on a terminal, and JSON elsewhere.
    """
    human = form is LogFormat.TEXT or (form is LogFormat.AUTO and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(text_line if human else json_line))
    handler.addFilter(lambda record: record.getMessage() not in without)
    for one in filters:
        handler.addFilter(one)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    if level is not Level.DEBUG:
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.WARNING)
