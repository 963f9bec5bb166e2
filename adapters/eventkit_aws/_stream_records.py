"""Records of DynamoDB Streams and Kinesis as Lambda delivers them. Pure.

The rules are in "Using Lambda with Amazon DynamoDB" and "Using Lambda with Amazon Kinesis". What the services send is
nearly the same: binary values are base64 text there, and times are numbers. The SDK's parser makes bytes and datetimes
of those, which costs most of what reading costs, and would have to be undone here. So `keep_sent` takes the records of
a response out before it is parsed; a client that does not call it works too, since `sent_records` undoes the rest.
"""

from base64 import b64encode
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any, cast

from pydantic_core import from_json, to_json

from eventkit.streams import Raw

__all__ = ["SENT", "change_record", "keep_sent", "sent_records", "stream_record"]

SENT = "eventkit.Sent"
"""The member of a response that holds the records as they were sent, for `sent_records`."""

OK = 200

NOBODY = ""
"""Lambda names the role here that the function runs with. A poller's would have to be asked for, and nothing reads it;
the member is there because parsers of Lambda's events ask for it."""

Fields = dict[str, Any]


def keep_sent(
    response_dict: MutableMapping[str, Any], customized_response_dict: MutableMapping[str, Any], **_: object
) -> None:
    """Take the records of a GetRecords response out of its body; a handler of botocore's event `before-parse`.

    The names of the parameters are botocore's. What is no JSON is left to the SDK.
    """
    if response_dict["status_code"] != OK or not _is_json(response_dict["headers"]):
        return
    body = from_json(response_dict["body"])
    customized_response_dict[SENT] = body.pop("Records", [])
    response_dict["body"] = to_json({**body, "Records": []})


def _is_json(headers: Mapping[str, str]) -> bool:
    return "json" in next((value for name, value in headers.items() if name.lower() == "content-type"), "")


def sent_records(response: Mapping[str, Any]) -> Sequence[Fields]:
    """The records of a parsed response as the service sent them."""
    return response[SENT] if SENT in response else [_sent(record) for record in response["Records"]]


def _sent(value: object) -> Any:  # noqa: ANN401 - JSON
    """A value of the SDK as JSON: bytes as base64 text, datetimes as seconds since 1970."""
    match value:
        case dict():
            return {name: _sent(member) for name, member in cast("Fields", value).items()}
        case list():
            return [_sent(member) for member in cast("list[object]", value)]
        case bytes():
            return b64encode(value).decode("ascii")
        case datetime():
            return value.timestamp()
        case _:
            return value


def change_record(sent: Fields, stream: str) -> Raw:
    """A record of DynamoDB Streams, from the stream with this ARN, as Lambda delivers it. It takes `sent` over."""
    sent["eventSourceARN"] = stream
    identity = sent.pop("userIdentity", None)
    if identity:  # Lambda spells the names of its members with small letters
        sent["userIdentity"] = {name[:1].lower() + name[1:]: value for name, value in identity.items()}
    return sent


def stream_record(sent: Fields, stream: str, shard: str) -> Raw:
    """A record of Kinesis, from a shard of the stream with this ARN, as Lambda delivers it."""
    sequence = sent["SequenceNumber"]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": sent["PartitionKey"],
            "sequenceNumber": sequence,
            "data": sent["Data"],
            "approximateArrivalTimestamp": sent["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": NOBODY,
        "awsRegion": stream.split(":")[3],
        "eventSourceARN": stream,
    }
