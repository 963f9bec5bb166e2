"""Amazon S3 event notifications: what happened to an object.

The record's fields are those of "Event message structure" in the Amazon S3 user guide, versions 2.0 and later:
a new minor version only adds fields, so unknown ones are ignored. Objects that came through EventBridge are
brought to the same shape ("EventBridge event message structure").
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from eventkit._json import is_object
from eventkit.errors import DecodeError
from eventkit.events._base import AwsEvent, text_or_none

__all__ = [
    "FAMILIES",
    "DeleteMarkerCreated",
    "ObjectAclChanged",
    "ObjectCreated",
    "ObjectEvent",
    "ObjectExpired",
    "ObjectLost",
    "ObjectRemoved",
    "ObjectReplication",
    "ObjectRestored",
    "ObjectTagged",
    "ObjectTiered",
    "ObjectTransitioned",
    "Order",
    "TestEvent",
    "class_of",
    "object_event",
]


class Order(Enum):
    """How two events of the same object follow each other."""

    EARLIER = "earlier"
    SAME = "same"
    LATER = "later"
    UNKNOWN = "unknown"


class ObjectEvent(AwsEvent):
    """Something happened to an object in a bucket; `name` says what: `ObjectCreated:Put` and the like."""

    __slots__ = ("_bucket", "_key", "_name", "_object")
    service: ClassVar[str] = "s3"
    family: ClassVar[str] = ""

    def __init__(self, record: Mapping[str, object], via: AwsEvent | None = None, *, key: str | None = None) -> None:
        """A view of one notification record.

        `key` is the object's key where the transport does not URL-encode it (EventBridge); otherwise the key is
        decoded here, exactly once. Raises `DecodeError` when bucket or key are missing.
        """
        raw: Any = record
        self._raw = raw
        self._via = via
        try:
            s3 = raw["s3"]
            self._object = s3["object"]
            self._bucket: str = s3["bucket"]["name"]
            encoded = self._object["key"]
            self._name = raw["eventName"]
            self._key = (unquote_plus(encoded) if "%" in encoded or "+" in encoded else encoded) if key is None else key
        except (KeyError, TypeError, AttributeError) as error:
            raise DecodeError("an S3 record lacks its event name, its bucket's name or its object's key") from error
        if type(self._bucket) is not str or type(self._key) is not str or not self._key:
            raise DecodeError("an S3 record's bucket name or object key is not a text")

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    @property
    def key(self) -> str:
        """The object's key, decoded: what the S3 API takes."""
        return self._key

    @property
    def raw_key(self) -> str:
        """The key as the record holds it; URL-encoded, but for events that came through EventBridge."""
        return self._object["key"]  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """The event's name without the `s3:` that some producers put before it: `ObjectCreated:Put`."""
        return self._name.removeprefix("s3:")  # type: ignore[no-any-return]

    @property
    def kind(self) -> str:
        """The name's second part: `Put`, `DeleteMarkerCreated`; empty where the family has no kinds."""
        return self.name.partition(":")[2]

    @property
    def size(self) -> int | None:
        """The object's size in bytes when the event was made; None where S3 does not say (removals, tags)."""
        size = self._object.get("size")
        return size if type(size) is int else None

    @property
    def etag(self) -> str | None:
        """The entity tag, without quotes."""
        return text_or_none(self._object.get("eTag"))

    @property
    def version_id(self) -> str | None:
        """The object's version, in a bucket with versioning."""
        return text_or_none(self._object.get("versionId"))

    @property
    def sequencer(self) -> str | None:
        """A hexadecimal value that orders puts and deletes of one key; other families have none."""
        return text_or_none(self._object.get("sequencer"))

    @property
    def time(self) -> datetime | None:
        """When S3 finished the request."""
        return _time(self._raw.get("eventTime"))

    @property
    def region(self) -> str | None:
        """The bucket's AWS Region."""
        return text_or_none(self._raw.get("awsRegion"))

    @property
    def id(self) -> str:
        """The nearest envelope's identity; for a direct notification the request's id with the sequencer."""
        if self._via is not None:
            return self._via.id
        request = self._raw.get("responseElements")
        request_id = request.get("x-amz-request-id", "") if is_object(request) else ""
        return f"{request_id}-{self.sequencer or ''}".strip("-")

    @property
    def source_arn(self) -> str:
        return f"arn:aws:s3:::{self._bucket}"

    @property
    def origin(self) -> str:
        return self._bucket

    @property
    def resource_name(self) -> str | None:
        return self._bucket

    def order(self, other: "ObjectEvent") -> Order:
        """Whether this event is earlier or later than another of the same key.

        Sequencers compare as text after the shorter one is padded with zeros on the right ("Event message
        structure"). Without a sequencer, or for different keys, the order is unknown.
        """
        mine, theirs = self.sequencer, other.sequencer
        if mine is None or theirs is None or (self.bucket, self.key) != (other.bucket, other.key):
            return Order.UNKNOWN
        length = max(len(mine), len(theirs))
        left, right = mine.upper().ljust(length, "0"), theirs.upper().ljust(length, "0")
        if left == right:
            return Order.SAME
        return Order.EARLIER if left < right else Order.LATER

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, bucket={self.bucket!r}, key={self.key!r})"


class ObjectCreated(ObjectEvent):
    """An object was put, posted, copied, or its multipart upload completed."""

    __slots__ = ()
    family = "ObjectCreated"


class ObjectRemoved(ObjectEvent):
    """An object, or one version of it, was deleted; see also `DeleteMarkerCreated`."""

    __slots__ = ()
    family = "ObjectRemoved"


class DeleteMarkerCreated(ObjectRemoved):
    """A delete in a bucket with versioning: `version_id` is the marker's, the data are still there."""

    __slots__ = ()


class ObjectRestored(ObjectEvent):
    """A restore from an archive was asked for, completed, or the restored copy expired."""

    __slots__ = ()
    family = "ObjectRestore"

    @property
    def expires(self) -> datetime | None:
        """When the restored copy goes away; None unless the restore completed."""
        data: Any = self._raw.get("glacierEventData") or {}
        try:
            return _time(data["restoreEventData"]["lifecycleRestorationExpiryTime"])
        except (KeyError, TypeError):
            return None


class ObjectReplication(ObjectEvent):
    """S3 Replication failed for an object, missed its threshold, or met it late."""

    __slots__ = ()
    family = "Replication"


class ObjectExpired(ObjectEvent):
    """A lifecycle rule deleted the object or put a delete marker on it."""

    __slots__ = ()
    family = "LifecycleExpiration"


class ObjectTransitioned(ObjectEvent):
    """A lifecycle rule moved the object to another storage class."""

    __slots__ = ()
    family = "LifecycleTransition"


class ObjectTiered(ObjectEvent):
    """S3 Intelligent-Tiering moved the object to an archive tier."""

    __slots__ = ()
    family = "IntelligentTiering"


class ObjectTagged(ObjectEvent):
    """Tags were put on the object or deleted; there is no sequencer, so the order is unknown."""

    __slots__ = ()
    family = "ObjectTagging"


class ObjectAclChanged(ObjectEvent):
    """The object's access control list was put; there is no sequencer, so the order is unknown."""

    __slots__ = ()
    family = "ObjectAcl"


class ObjectLost(ObjectEvent):
    """S3 lost an object of the reduced-redundancy storage class."""

    __slots__ = ()
    family = "ReducedRedundancyLostObject"


class TestEvent(AwsEvent):
    """The `s3:TestEvent` that S3 sends when a notification is configured: nothing happened to any object."""

    __slots__ = ()
    __test__ = False
    service: ClassVar[str] = "s3"

    @property
    def source_arn(self) -> str:
        return f"arn:aws:s3:::{self._raw.get('Bucket', '')}"

    @property
    def resource_name(self) -> str | None:
        return str(self._raw.get("Bucket", ""))


FAMILIES: Mapping[str, type[ObjectEvent]] = {
    kind.family: kind
    for kind in (
        ObjectCreated,
        ObjectRemoved,
        ObjectRestored,
        ObjectReplication,
        ObjectExpired,
        ObjectTransitioned,
        ObjectTiered,
        ObjectTagged,
        ObjectAclChanged,
        ObjectLost,
    )
}
"""The event class of each family of notifications."""


@lru_cache(maxsize=128)
def class_of(name: str) -> type[ObjectEvent]:
    """The event class for an event's name, with or without `s3:`; a plain `ObjectEvent` for an unknown family."""
    family, _, kind = name.removeprefix("s3:").partition(":")
    if family == "ObjectRemoved" and kind == "DeleteMarkerCreated":
        return DeleteMarkerCreated
    return FAMILIES.get(family, ObjectEvent)


def object_event(record: Mapping[str, object], via: AwsEvent | None = None) -> ObjectEvent:
    """The typed event of one S3 notification record. Raises `DecodeError` when the record is not one.

    A family that eventkit does not know yet gives a plain `ObjectEvent`.
    """
    name = record.get("eventName")
    if type(name) is not str:
        raise DecodeError("an S3 record lacks its event name")
    return class_of(name)(record, via)


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
