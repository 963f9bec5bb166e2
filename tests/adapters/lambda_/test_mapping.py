"""The settings of an event source mapping with which Lambda does what a poller does, and what differs from them."""

from typing import Any

import pytest
from pydantic import BaseModel

from eventkit import Names, Queue, Start, Stream, StreamOptions, Table
from eventkit_lambda.mapping import differences, mapping_of

NAMES = Names("shop")
REPORTING = ["ReportBatchItemFailures"]


class Order(BaseModel):
    id: int


def table(options: StreamOptions | None = None) -> Table[Order]:
    return Table[Order]("orders", stream=options)


def described(**changes: object) -> dict[str, object]:
    """What AWS tells of a mapping that was made with the parameters of a table, with some changed."""
    return {
        **mapping_of(table(), NAMES),
        "DestinationConfig": {"OnFailure": {}},
        "EventSourceArn": "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000",
        "State": "Enabled",
        "TumblingWindowInSeconds": 0,
        **changes,
    }


def test_a_table_that_says_nothing_differs_from_awss_defaults_by_bisecting_and_reporting() -> None:
    assert mapping_of(table(), NAMES) == {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": REPORTING,
    }


def test_every_option_of_a_stream_has_its_parameter() -> None:
    options = StreamOptions(Start.LATEST, 500, 1.5, 3, 3_600, bisect=False, parallel=10)

    assert mapping_of(Stream[str]("clicks", stream=options), NAMES) == {
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 2,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": 3,
        "MaximumRecordAgeInSeconds": 3_600,
        "ParallelizationFactor": 10,
        "StartingPosition": "LATEST",
        "FunctionResponseTypes": REPORTING,
    }


def test_keys_that_are_not_lambdas_are_not_handed_over_beside_each_other() -> None:
    keyed = Stream[str]("clicks", stream=StreamOptions(parallel=10), order_by=lambda record: record.text)

    assert mapping_of(keyed, NAMES)["ParallelizationFactor"] == 1


def test_a_queue_has_the_one_setting_without_which_messages_are_lost() -> None:
    assert mapping_of(Queue[str]("jobs"), NAMES) == {"FunctionResponseTypes": REPORTING}


@pytest.mark.parametrize(
    ("on_failure", "arn"),
    [
        (("queue", "arn:aws:sqs:us-east-1:123456789012:failures"), "arn:aws:sqs:us-east-1:123456789012:failures"),
        (("topic", "alarms"), "alarms"),
        (("bucket", "archive"), "arn:aws:s3:::archive"),
    ],
)
def test_the_on_failure_destination_is_the_mappings_too(on_failure: tuple[str, str], arn: str) -> None:
    parameters = mapping_of(table(), Names("shop", on_failure=on_failure))

    assert parameters["DestinationConfig"] == {"OnFailure": {"Destination": arn}}


def test_a_mapping_as_it_should_be_has_no_differences() -> None:
    assert differences(mapping_of(table(), NAMES), described()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"FunctionResponseTypes": []},
            (
                "FunctionResponseTypes is [] and should be ['ReportBatchItemFailures']: Lambda does not look at what "
                "failed, takes all for done, and so LOSES failed records"
            ),
        ),
        (
            {"BisectBatchOnFunctionError": False},
            (
                "BisectBatchOnFunctionError is False and should be True: what is given up with a record that fails is "
                "not the same as in the poller"
            ),
        ),
        (
            {"MaximumRetryAttempts": 2},
            "MaximumRetryAttempts is 2 and should be -1: Lambda gives records up sooner or later than the poller",
        ),
        (
            {"ParallelizationFactor": None},
            (
                "ParallelizationFactor is not set and should be 1: Lambda keeps another order: above 1 that of each "
                "partition key, else that of the shard"
            ),
        ),
    ],
)
def test_a_difference_says_what_it_leads_to(changes: dict[str, object], sentence: str) -> None:
    assert differences(mapping_of(table(), NAMES), described(**changes)) == [sentence]


@pytest.mark.parametrize(
    ("actual", "count"),
    [
        ({"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:failures"}}, 0),
        ({"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:others"}}, 1),
        ({"OnFailure": {}}, 1),
        (None, 1),
    ],
)
def test_destinations_are_compared_by_name(actual: Any, count: int) -> None:  # noqa: ANN401 - what AWS says
    expected = mapping_of(table(), Names("shop", on_failure=("queue", "failures")))

    assert len(differences(expected, described(DestinationConfig=actual))) == count
