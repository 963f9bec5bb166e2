"""Log records keep their facts, for people and for machines."""

import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest

from eventkit_cli.logs import Level, LogFormat, configure_logging, facts_of, json_line, text_line


def record(event: str, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("eventkit.poller", logging.WARNING, __file__, 1, event, (), None)
    made.__dict__.update(facts)
    return made


def test_facts_are_what_was_given_as_extra() -> None:
    assert facts_of(record("delivery.retry", handler="make", after=1.5)) == {"handler": "make", "after": 1.5}


def test_a_line_for_people_has_the_event_and_its_facts() -> None:
    line = text_line(record("delivery.retry", handler="make", after=1.5, reason="not an image", path=("sqs:a", "s3:b")))

    assert line.split("  ", 1)[1] == (
        "warning  delivery.retry  handler=make  after=1.5  reason='not an image'  path=('sqs:a', 's3:b')"
    )


def test_a_trace_goes_below() -> None:
    lines = text_line(record("delivery.retry", trace="first\n  second\n", error="KeyError")).splitlines()

    assert lines[0].endswith("delivery.retry  error=KeyError")
    assert lines[1:] == ["    first", "      second"]


def test_a_line_for_people_commands_no_terminal() -> None:
    assert "\x1b" not in text_line(record("event\x1b[2J", fact="\x1b[2J"))


def test_a_line_for_machines_is_one_object() -> None:
    told = json.loads(json_line(record("delivery.retry", handler="make", trace="a\nb", queue={"x"}, level="mine")))

    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "warning",
        "logger": "eventkit.poller",
        "event": "delivery.retry",
        "handler": "make",
        "trace": "a\nb",
        "queue": "{'x'}",
        "level_": "mine",
    }


def test_an_exception_is_kept() -> None:
    made = record("broken")
    try:
        raise KeyError("x")
    except KeyError:
        made.exc_info = sys.exc_info()

    assert "KeyError: 'x'" in json.loads(json_line(made))["exception"]
    assert "    KeyError: 'x'" in text_line(made).splitlines()


@pytest.fixture
def root() -> Iterator[None]:
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(("form", "first"), [("auto", r"\{"), ("json", r"\{"), ("text", r"\d\d:")])
def test_the_log_is_for_machines_where_nobody_watches(
    capsys: pytest.CaptureFixture[str], form: str, first: str
) -> None:
    configure_logging(LogFormat(form), Level.INFO, without={"delivery.retry"})

    for level, event in ((logging.INFO, "poller.started"), (logging.DEBUG, "detail"), (logging.INFO, "delivery.retry")):
        logging.getLogger("eventkit").log(level, event, extra={"app": "blog"})
    logging.getLogger("botocore.credentials").info("Found credentials")

    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(first, line)
    assert "poller.started" in line
