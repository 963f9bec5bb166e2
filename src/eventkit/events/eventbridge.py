"""Amazon S3 events through EventBridge, brought to the shape of notifications.

The fields are those of "EventBridge event message structure" in the Amazon S3 user guide.
"""

from collections.abc import Mapping
from typing import Any

from eventkit.errors import DecodeError
from eventkit.events._base import AwsEvent
from eventkit.events.s3 import ObjectEvent, class_of

__all__ = ["from_eventbridge"]

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
