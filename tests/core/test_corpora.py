"""Events that nobody here wrote are decoded, and all that they tell can be read."""

import pytest

from eventkit import (
    AwsEvent,
    BusEvent,
    Change,
    DecodeError,
    KinesisRecord,
    Message,
    Notification,
    ObjectEvent,
    Record,
    decode,
)
from tests.core.corpora import FOLDER, files, load, needed
from tests.core.harness import facts, is_object

pytestmark = needed

SERVICES: dict[str, tuple[type[AwsEvent], ...]] = {
    "sqs": (Message, Notification, ObjectEvent),
    "sns": (Notification,),
    "sns_envelope": (Notification,),
    "s3": (ObjectEvent,),
    "dynamodb": (Change,),
    "kinesis": (KinesisRecord,),
    "eventbridge": (ObjectEvent, BusEvent),
}

EXCEPTIONS = {
    "sqs/powertools-java--sqs_event_no_body-": "its record has no body",
    "kinesis/aws-sam-cli-pypi--Kinesis-": "it is a template, whose data are a placeholder",
}
"""The beginnings of the names of those files that are not decoded, each with the reason."""


NO_BASE64 = ("aws-lambda-go--sns-event-", "aws-sam-cli-pypi--Sns-", "powertools-python--snsEvent-")
"""Files whose `Binary` message attribute holds the word TestBinary, which is no base64: it is refused when read."""


def is_excepted(file: str) -> bool:
    return file.startswith(tuple(EXCEPTIONS))


def records(file: str) -> tuple[Record, ...]:
    """The records of a file, which holds an event of Lambda's, or one record alone."""
    event = load(file)
    whole = is_object(event) and ("Records" in event or "detail-type" in event or "TopicArn" in event)
    return decode(event if whole else {"Records": [event]}).records


@pytest.mark.parametrize("file", [file for file in files(*SERVICES) if not is_excepted(file)])
def test_a_sample_event_is_decoded_and_tells_all_it_knows(file: str) -> None:
    found = records(file)

    assert found
    for record in found:
        assert record.error is None
        assert record.events
        for event in record.events:
            assert isinstance(event, SERVICES[file.partition("/")[0]])
            if any(name in file for name in NO_BASE64):
                with pytest.raises(DecodeError, match="a message attribute does not hold what its type says"):
                    facts(event)
            else:
                assert {"id", "path", "attributes", "resource_name"} <= facts(event).keys()


@pytest.mark.parametrize("file", [file for file in files(*SERVICES) if is_excepted(file)])
def test_a_sample_event_that_is_not_decoded_says_so(file: str) -> None:
    try:
        errors = [record.error for record in records(file)]
    except DecodeError as error:
        errors = [error]

    assert None not in errors


@pytest.mark.parametrize("file", [file for file in files("kinesis") if not is_excepted(file)])
def test_the_data_of_a_sample_of_kinesis_are_a_text_also_where_they_are_compressed(file: str) -> None:
    events = [event for record in records(file) for event in record.events]

    assert events
    for event in events:
        assert isinstance(event, KinesisRecord)
        assert event.text.isprintable() or event.text.startswith("{")
        assert event.shard is not None
        assert event.time is not None


def test_no_sample_is_forgotten() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir()}

    assert folders == {*SERVICES}
    assert all(any(file.startswith(beginning) for file in files(*folders)) for beginning in EXCEPTIONS)
