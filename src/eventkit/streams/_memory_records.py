"""Stream records as Lambda delivers them ("Using AWS Lambda with Amazon DynamoDB", "... with Amazon Kinesis"). Pure."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import md5
from json import dumps
from math import floor

from eventkit.events.dynamodb import StreamView
from eventkit.values import Value

__all__ = ["Images", "Place", "change_record", "data_record", "hash_of"]

Raw = Mapping[str, object]


class Place(Value):
    """Where and when a record was written; `time` is in seconds since 1970."""

    stream: str
    shard: str
    sequence: int
    time: float

    @property
    def region(self) -> str:
        return self.stream.split(":")[3]


class Images(Value):
    """An item's keys, and the item before and after a change, in DynamoDB's typed form; None where it was not."""

    keys: Raw
    old: Raw | None
    new: Raw | None

    @property
    def change(self) -> str:
        """What happened to the item, as the stream calls it."""
        if self.old is None:
            return "INSERT"
        return "REMOVE" if self.new is None else "MODIFY"


_BY_TIME_TO_LIVE = {"userIdentity": {"principalId": "dynamodb.amazonaws.com", "type": "Service"}}


def change_record(place: Place, images: Images, view: StreamView, *, expired: bool) -> Raw:
    """A change of an item; `expired` says that its time to live was over ("DynamoDB Streams and Time to Live")."""
    carried: dict[str, object] = {"Keys": images.keys}
    if images.new is not None and view in {StreamView.NEW_IMAGE, StreamView.NEW_AND_OLD_IMAGES}:
        carried["NewImage"] = images.new
    if images.old is not None and view in {StreamView.OLD_IMAGE, StreamView.NEW_AND_OLD_IMAGES}:
        carried["OldImage"] = images.old
    return {
        "eventID": _md5(f"{place.stream} {place.sequence}").hex(),
        "eventName": images.change,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": place.region,
        "dynamodb": {
            "ApproximateCreationDateTime": floor(place.time),
            **carried,
            "SequenceNumber": str(place.sequence),
            "SizeBytes": len(dumps([*carried.values()])),
            "StreamViewType": view.value,
        },
        "eventSourceARN": place.stream,
        **(_BY_TIME_TO_LIVE if expired else {}),
    }


def data_record(place: Place, key: str, data: bytes) -> Raw:
    """A record of a Kinesis stream."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": str(place.sequence),
            "data": b64encode(data).decode(),
            "approximateArrivalTimestamp": place.time,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{place.shard}:{place.sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{place.stream.split(':')[4]}:role/local",
        "awsRegion": place.region,
        "eventSourceARN": place.stream,
    }


def hash_of(key: str) -> int:
    """The hash key that decides on the shard: 128 bits of MD5 ("PutRecord" in the Kinesis API reference)."""
    return int.from_bytes(_md5(key))


def _md5(text: str) -> bytes:
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
