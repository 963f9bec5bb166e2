"""Events of Amazon EventBridge: custom ones as they are, those of Amazon S3 in the shape of notifications.

The fields are those of "Event structure reference" in the EventBridge user guide and "EventBridge event message
structure" in the Amazon S3 user guide.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic_core import to_json

from eventkit._json import is_list, is_object
from eventkit.errors import DecodeError
from eventkit.events._base import AttributeValue, AwsEvent
from eventkit.events.s3 import ObjectEvent, class_of

__all__ = ["BusEvent", "from_eventbridge", "is_event"]


class BusEvent(AwsEvent):
    """One event of an event bus. A route on a `Bus[M]` gets the detail as its model.

    The event names what sent it and what it tells, but not its bus: the queue that it came in does, and an
    invocation of Lambda by a rule leaves it open.
    """

    __slots__ = ()
    service: ClassVar[str] = "events"

    @property
    def text(self) -> str:
        """The detail, as JSON. Raises `DecodeError` when it holds characters that no JSON can hold."""
        try:
            return to_json(self._raw["detail"], inf_nan_mode="constants").decode()
        except ValueError as error:
            raise DecodeError("the detail of an EventBridge event holds what JSON cannot") from error

    @property
    def detail_type(self) -> str:
        """What the event tells, in its sender's words."""
        return self._raw["detail-type"]  # type: ignore[no-any-return]

    @property
    def source(self) -> str:
        """What sent the event."""
        return self._raw["source"]  # type: ignore[no-any-return]

    @property
    def id(self) -> str:
        return str(self._raw["id"])

    @property
    def source_arn(self) -> str:
        """The ARN of the queue that the event came in; empty where it came directly."""
        outermost = self.outermost
        return "" if outermost is self else outermost.source_arn

    @property
    def resource_name(self) -> str | None:
        return self.source

    @property
    def sent(self) -> datetime | None:
        """When the event was sent, to the second."""
        try:
            return datetime.fromisoformat(str(self._raw.get("time")))
        except ValueError:
            return None

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """`source`, `detail-type`, and what stands as `name=value` among the resources."""
        parts = (text.partition("=") for text in self._raw["resources"] if isinstance(text, str))
        named = {name: value for name, separator, value in parts if separator and ":" not in name}
        return {**named, "source": self.source, "detail-type": self.detail_type}

    def __repr__(self) -> str:
        return f"BusEvent(id={self.id!r}, source={self.source!r}, detail_type={self.detail_type!r})"


def is_event(body: Mapping[str, object]) -> bool:
    """Whether an object has what every event of EventBridge has, so that nobody's own message is taken for one."""
    texts = all(type(body.get(name)) is str for name in ("id", "detail-type", "source", "region"))
    return texts and is_list(body.get("resources")) and is_object(body.get("detail"))


_CREATED = {"PutObject": "Put", "POST Object": "Post", "CopyObject": "Copy"}
_DETAIL_TYPES = {
    "Object Restore Initiated": "ObjectRestore:Post",
    "Object Restore Completed": "ObjectRestore:Completed",
    "Object Restore Expired": "ObjectRestore:Delete",
    "Object Storage Class Changed": "LifecycleTransition",
    "Object Access Tier Changed": "IntelligentTiering",
    "Object ACL Updated": "ObjectAcl:Put",
    "Object Tags Added": "ObjectTagging:Put",
    "Object Tags Deleted": "ObjectTagging:Delete",
}


def _name_of(detail_type: str, detail: Mapping[str, object]) -> str:
    reason = str(detail.get("reason", ""))
    match detail_type:
        case "Object Created":
            return f"ObjectCreated:{_CREATED.get(reason, reason or 'Put')}"
        case "Object Deleted":
            family = "LifecycleExpiration" if reason == "Lifecycle Expiration" else "ObjectRemoved"
            marker = detail.get("deletion-type") == "Delete Marker Created"
            return f"{family}:{'DeleteMarkerCreated' if marker else 'Delete'}"
        case _:
            return _DETAIL_TYPES.get(detail_type, detail_type.replace(" ", ""))


def from_eventbridge(event: Mapping[str, object], via: AwsEvent | None = None) -> ObjectEvent:
    """The typed event of an S3 event that came through EventBridge, whose keys are not URL-encoded.

    Raises `DecodeError` when the event's detail holds no bucket or no object.
    """
    raw: Any = event
    try:
        detail = raw["detail"]
        details: dict[str, object] = {
            ("versionId" if name == "version-id" else "eTag" if name in {"etag", "eTag"} else name): value
            for name, value in detail["object"].items()
        }
        record: dict[str, object] = {
            "eventName": _name_of(raw["detail-type"], detail),
            "eventSource": "aws:s3",
            "eventTime": raw.get("time"),
            "awsRegion": raw.get("region"),
            "responseElements": {"x-amz-request-id": detail.get("request-id", "")},
            "s3": {"bucket": detail["bucket"], "object": details},
        }
        if "restore-expiry-time" in detail:
            restored = {"lifecycleRestorationExpiryTime": detail["restore-expiry-time"]}
            record["glacierEventData"] = {"restoreEventData": restored}
        name = str(record["eventName"])
        return class_of(name)(record, via, key=detail["object"]["key"])
    except (KeyError, TypeError, AttributeError) as error:
        raise DecodeError("an EventBridge event from aws.s3 lacks its bucket or its object") from error
