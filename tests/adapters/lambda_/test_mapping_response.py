"""What a mapping makes of a function's raw response: the table of semantics.md 1.1, for queues and for streams (S7)."""

import json

import pytest

from eventkit_lambda._mapping_response import failed, lowest_failed

IDS = ["m1", "m2", "m3"]
ALL = {"m1", "m2", "m3"}
NONE: set[str] = set()


def items(*identifiers: object) -> str:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]})


TABLE = [
    ("null", "null", NONE, None),
    ("an empty object", "{}", NONE, None),
    ("no failures", items(), NONE, None),
    ("null failures", '{"batchItemFailures": null}', NONE, None),
    ("an empty text", '""', NONE, None),
    ("an empty list", "[]", NONE, None),
    ("identifiers of the batch", items("m3", "m2"), {"m2", "m3"}, 1),
    ("an empty identifier", items("m2", ""), ALL, 0),
    ("a null identifier", items("m2", None), ALL, 0),
    ("a wrong key", '{"batchItemFailures": [{"foo": "m2"}]}', ALL, 0),
    ("an identifier that is not in the batch", items("m2", 123), ALL, 0),
    ("no JSON", "{", ALL, 0),
    ("an exception or a timeout", None, ALL, 0),
]
"""What the function returns, what comes again of a queue, and the position from which on a stream's batch does."""


@pytest.mark.parametrize(
    ("response", "of_queue", "of_stream"), [line[1:] for line in TABLE], ids=[one[0] for one in TABLE]
)
def test_a_response_means_what_the_table_says(response: str | None, of_queue: set[str], of_stream: int | None) -> None:
    assert failed(response, IDS) == of_queue
    assert lowest_failed(response, IDS) == of_stream


def test_an_object_that_is_no_report_is_a_success_which_is_why_no_handlers_dict_may_get_out() -> None:
    assert failed('{"failedItems": ["m1"]}', IDS) == NONE


@pytest.mark.parametrize(
    "response", ["5", '"text"', '["m1"]', '{"batchItemFailures": "m1"}', '{"batchItemFailures": ["m1"]}', items(["m1"])]
)
def test_what_nobody_has_recorded_is_taken_for_a_failure_of_the_whole(response: str) -> None:
    assert failed(response, IDS) == ALL


def test_a_record_without_identifier_cannot_be_named() -> None:
    assert failed(items(None), [None, "m2"]) == {None, "m2"}
