"""The pure part: records as the services send them, and as the SDK parses them, become those that Lambda delivers.

What the SDK makes of a response is not made up here: its own parser is asked.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from eventkit_aws._stream_records import SENT, change_record, keep_sent, sent_records, stream_record
from tests.core import corpora

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2024-06-10T19:26:16.525"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
SHARD = "shardId-000000000001"

Fields = dict[str, Any]

SESSION: Any = cast("Any", get_session())
OUTPUTS: dict[str, Any] = {
    service: SESSION.get_service_model(service).operation_model("GetRecords").output_shape
    for service in ("dynamodbstreams", "kinesis")
}
PARSER: Any = cast("Any", create_parser)("json")


def of(kind: str) -> Callable[[object], Fields]:
    def value(inner: object) -> Fields:
        return {kind: inner}

    return value


base64 = st.binary(max_size=20).map(lambda data: b64encode(data).decode())
numbers = st.integers().map(str)
texts = st.text(max_size=10)
scalars: st.SearchStrategy[Fields] = st.one_of(
    texts.map(of("S")),
    numbers.map(of("N")),
    base64.map(of("B")),
    st.booleans().map(of("BOOL")),
    st.just({"NULL": True}),
    st.lists(texts, min_size=1, max_size=3).map(of("SS")),
    st.lists(numbers, min_size=1, max_size=3).map(of("NS")),
    st.lists(base64, min_size=1, max_size=3).map(of("BS")),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3).map(of("L")) | st.dictionaries(texts, inner, max_size=3).map(of("M")),
    max_leaves=10,
)
images = st.dictionaries(texts, values, min_size=1, max_size=4)


def change(keys: Fields, new: Fields | None, old: Fields | None, created: int, identity: Fields | None) -> Fields:
    fields: Fields = {
        "ApproximateCreationDateTime": created,
        "Keys": keys,
        "SequenceNumber": "4421584500000000017450439091",
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    fields |= {name: image for name, image in (("NewImage", new), ("OldImage", old)) if image is not None}
    return {
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": fields,
    } | ({} if identity is None else {"userIdentity": identity})


TIME_TO_LIVE = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}

changes = st.builds(
    change, images, st.none() | images, st.none() | images, st.integers(0, 2**32), st.none() | st.just(TIME_TO_LIVE)
)


def clicked(data: str, milliseconds: int) -> Fields:
    return {
        "Data": data,
        "PartitionKey": "visitor",
        "SequenceNumber": "49590338271490256608559692538361571095921575989136588898",
        "ApproximateArrivalTimestamp": milliseconds / 1000,
        "EncryptionType": "KMS",
    }


clicks = st.builds(clicked, base64, st.integers(0, 2**42))


def response_of(
    service: str, records: list[Fields], *, kept: bool, content_type: str = "application/x-amz-json-1.1"
) -> Any:  # noqa: ANN401 - the SDK's
    """What the SDK makes of a response with these records, with its hook or without."""
    body = json.dumps({"Records": records, "NextShardIterator": "token"}).encode()
    response: Fields = {"status_code": 200, "headers": {"Content-Type": content_type}, "body": body}
    customized: Fields = {}
    if kept:
        keep_sent(response_dict=response, customized_response_dict=customized, operation_model=None)
    return PARSER.parse(response, OUTPUTS[service]) | customized


@pytest.mark.parametrize("kept", [True, False], ids=["taken out before the parser", "undone after it"])
@given(sent=st.lists(changes, max_size=3))
def test_changes_are_what_dynamodb_sent(kept: bool, sent: list[Fields]) -> None:  # noqa: FBT001 - a parameter of the test
    response = response_of("dynamodbstreams", sent, kept=kept)

    assert sent_records(response) == sent
    assert (response["NextShardIterator"], SENT in response) == ("token", kept)


@pytest.mark.parametrize("kept", [True, False], ids=["taken out before the parser", "undone after it"])
@given(sent=st.lists(clicks, max_size=3))
def test_records_are_what_kinesis_sent(kept: bool, sent: list[Fields]) -> None:  # noqa: FBT001 - likewise
    response = response_of("kinesis", sent, kept=kept)

    assert sent_records(response) == sent


def test_what_is_no_json_is_left_to_the_sdk() -> None:
    sent = [clicked("AP8=", 0)]

    response = response_of("kinesis", sent, kept=True, content_type="application/cbor")

    assert SENT not in response
    assert sent_records(response) == sent


def test_a_refusal_is_left_to_the_sdk() -> None:
    response: Fields = {"status_code": 400, "headers": {"content-type": "application/x-amz-json-1.1"}, "body": b"{}"}
    customized: Fields = {}

    keep_sent(response_dict=response, customized_response_dict=customized)

    assert (response["body"], customized) == (b"{}", {})


def test_a_change_is_delivered_as_lambda_does() -> None:
    sent = change({"id": {"S": "1"}}, {"id": {"S": "1"}, "b": {"B": "AP8="}}, None, 1_500_000_000, TIME_TO_LIVE)

    assert change_record(deepcopy(sent), TABLE) == {
        **sent,
        "eventSourceARN": TABLE,
        "userIdentity": {"principalId": "dynamodb.amazonaws.com", "type": "Service"},
    }


def test_a_record_is_delivered_as_lambda_does() -> None:
    sequence = "49590338271490256608559692538361571095921575989136588898"

    assert stream_record(clicked("AP8=", 1_545_084_650_987), STREAM, SHARD) == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "visitor",
            "sequenceNumber": sequence,
            "data": "AP8=",
            "approximateArrivalTimestamp": 1_545_084_650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM,
    }


def records_in(file: str) -> list[Fields]:
    event: Fields = corpora.load(file)
    return cast("list[Fields]", event.get("Records", [event]))


@corpora.needed
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "undone"])
@pytest.mark.parametrize("file", corpora.files("dynamodb"))
def test_the_changes_that_others_got_from_lambda_come_out_of_what_dynamodb_sends(file: str, kept: bool) -> None:  # noqa: FBT001 - likewise
    for delivered in records_in(file):
        if created := delivered["dynamodb"].get("ApproximateCreationDateTime"):
            delivered["dynamodb"]["ApproximateCreationDateTime"] = round(created, 6)  # as fine as datetimes are
        sent = deepcopy(delivered)
        arn = sent.pop("eventSourceARN")
        if identity := sent.pop("userIdentity", None):
            sent["userIdentity"] = {"PrincipalId": identity["principalId"], "Type": identity["type"]}

        (record,) = sent_records(response_of("dynamodbstreams", [sent], kept=kept))

        assert change_record(record, arn) == delivered


NOT_RENDERED = "kinesis/aws-sam-cli-pypi--Kinesis-"
"""The beginning of the name of a template, whose data is no base64."""

OURS = ("invokeIdentityArn", "eventSourceARN")
"""What a poller cannot know, and what the samples have shortened so that no Region is in it."""


@corpora.needed
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "undone"])
@pytest.mark.parametrize("file", [file for file in corpora.files("kinesis") if not file.startswith(NOT_RENDERED)])
def test_the_records_that_others_got_from_lambda_come_out_of_what_kinesis_sends(file: str, kept: bool) -> None:  # noqa: FBT001 - likewise
    for delivered in records_in(file):
        facts: Fields = delivered["kinesis"]
        facts.pop("encryptionType", None)  # of the model of Java's SDK; Lambda does not document it
        shard = delivered["eventID"].partition(":")[0]
        delivered["eventID"] = f"{shard}:{facts['sequenceNumber']}"  # two samples have another number here
        sent = {
            "Data": facts["data"],
            "PartitionKey": facts["partitionKey"],
            "SequenceNumber": facts["sequenceNumber"],
            "ApproximateArrivalTimestamp": facts["approximateArrivalTimestamp"],
        }

        (one,) = sent_records(response_of("kinesis", [sent], kept=kept))
        record = stream_record(one, f"arn:aws:kinesis:{delivered['awsRegion']}:1:stream/clicks", shard)

        assert {**record, **{name: delivered[name] for name in OURS}} == delivered
