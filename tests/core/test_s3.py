"""S3 notifications, direct and through EventBridge."""

from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import (
    DecodeError,
    DeleteMarkerCreated,
    ObjectAclChanged,
    ObjectCreated,
    ObjectEvent,
    ObjectExpired,
    ObjectLost,
    ObjectRemoved,
    ObjectReplication,
    ObjectRestored,
    ObjectTagged,
    ObjectTiered,
    ObjectTransitioned,
    Order,
    decode,
)
from eventkit.events import TestEvent
from eventkit.events.eventbridge import from_eventbridge
from eventkit.events.s3 import object_event
from tests.core.harness import TEST_EVENT, Json, eventbridge, only, s3, sqs

NOTIFICATIONS = [
    ("ObjectCreated:Put", ObjectCreated, "Put"),
    ("ObjectCreated:Post", ObjectCreated, "Post"),
    ("ObjectCreated:Copy", ObjectCreated, "Copy"),
    ("ObjectCreated:CompleteMultipartUpload", ObjectCreated, "CompleteMultipartUpload"),
    ("ObjectRemoved:Delete", ObjectRemoved, "Delete"),
    ("ObjectRemoved:DeleteMarkerCreated", DeleteMarkerCreated, "DeleteMarkerCreated"),
    ("ObjectRestore:Post", ObjectRestored, "Post"),
    ("ObjectRestore:Completed", ObjectRestored, "Completed"),
    ("ObjectRestore:Delete", ObjectRestored, "Delete"),
    ("Replication:OperationFailedReplication", ObjectReplication, "OperationFailedReplication"),
    ("Replication:OperationMissedThreshold", ObjectReplication, "OperationMissedThreshold"),
    ("Replication:OperationReplicatedAfterThreshold", ObjectReplication, "OperationReplicatedAfterThreshold"),
    ("Replication:OperationNotTracked", ObjectReplication, "OperationNotTracked"),
    ("LifecycleExpiration:Delete", ObjectExpired, "Delete"),
    ("LifecycleExpiration:DeleteMarkerCreated", ObjectExpired, "DeleteMarkerCreated"),
    ("LifecycleTransition", ObjectTransitioned, ""),
    ("IntelligentTiering", ObjectTiered, ""),
    ("ObjectTagging:Put", ObjectTagged, "Put"),
    ("ObjectTagging:Delete", ObjectTagged, "Delete"),
    ("ObjectAcl:Put", ObjectAclChanged, "Put"),
    ("ReducedRedundancyLostObject", ObjectLost, ""),
    ("ObjectFrozen:Deep", ObjectEvent, "Deep"),
    ("Teleported", ObjectEvent, ""),
]


@pytest.mark.parametrize("prefix", ["", "s3:"])
@pytest.mark.parametrize(("name", "family", "kind"), NOTIFICATIONS)
def test_every_notification_has_its_class_with_or_without_the_prefix(
    prefix: str, name: str, family: type[ObjectEvent], kind: str
) -> None:
    event = object_event(s3(name=prefix + name))

    assert type(event) is family
    assert (event.name, event.kind) == (name, kind)


def test_a_delete_marker_is_a_removal() -> None:
    assert isinstance(object_event(s3(name="ObjectRemoved:DeleteMarkerCreated")), ObjectRemoved)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.99"])
def test_a_newer_minor_version_only_adds_fields(version: str) -> None:
    record = s3(checksum="CRC64NVME") | {"eventVersion": version, "somethingNew": {"deep": [1]}}

    event = only(record)

    assert isinstance(event, ObjectCreated)
    assert event.key == "uploads/a.jpg"


def test_an_event_tells_all_that_the_notification_says() -> None:
    event = object_event(s3(versionId="096fKKXTRTtl3on89fVO.nfljtsv6qko"))

    assert event.bucket == event.resource_name == "photos"
    assert event.size == 1024
    assert event.etag == "d41d8cd98f00b204"
    assert event.version_id == "096fKKXTRTtl3on89fVO.nfljtsv6qko"
    assert event.sequencer == "0A1B2C3D4E5F678901"
    assert event.time == datetime(2023, 4, 12, 20, 43, 38, 21_000, UTC)
    assert event.region == "us-east-1"
    assert event.id == "YMSSR8BZJ2Y99K6P-0A1B2C3D4E5F678901"
    assert event.source_arn == "arn:aws:s3:::photos"
    assert event.path == ("s3:photos",)
    assert event.attributes == {}
    assert repr(event) == "ObjectCreated('ObjectCreated:Put', bucket='photos', key='uploads/a.jpg')"


@pytest.mark.parametrize("field", ["size", "eTag", "versionId", "sequencer"])
def test_a_fact_that_s3_leaves_out_is_none(field: str) -> None:
    without: Json = {field: None}

    event = object_event(s3(**without))

    assert getattr(event, {"eTag": "etag", "versionId": "version_id"}.get(field, field)) is None


def test_a_tagging_event_has_neither_size_nor_sequencer() -> None:
    event = object_event(s3(name="ObjectTagging:Put", size=None, sequencer=None))

    assert (event.size, event.sequencer) == (None, None)


KEYS = [
    "a b",
    "a+b",
    "a%2Bb",
    "100%",
    "a@b",
    "日本語/写真.jpg",
    "🎉/🏳️‍🌈.png",
    "../../etc/passwd",
    "/absolute//double",
    "line\nfeed\r\ttab",
    "nul\x00and\x7f",
    "x" * 1024,
    "ü" * 512,
    "=&?#;:",
    "%",
    "+",
    " ",
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key[:20]))
def test_a_key_is_decoded_once_and_kept_raw_beside_it(key: str) -> None:
    encoded = quote_plus(key, safe="/")

    event = object_event(s3(key=encoded))

    assert (event.key, event.raw_key) == (key, encoded)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024))
def test_every_key_survives_the_round_trip(key: str) -> None:
    assert object_event(s3(key=quote_plus(key))).key == key


@given(st.text(min_size=1, max_size=200))
def test_a_key_through_eventbridge_is_taken_as_it_is(key: str) -> None:
    event = from_eventbridge(eventbridge(key=key))

    assert event.key == event.raw_key == key


@pytest.mark.parametrize("key", ["a+b", "a%2Bb", "a b"])
def test_a_key_through_eventbridge_is_not_url_encoded(key: str) -> None:
    assert from_eventbridge(eventbridge(key=key)).key == key


@pytest.mark.parametrize(
    ("mine", "theirs", "order"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", Order.EARLIER),
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", Order.LATER),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E5", Order.SAME),
        ("0055aed6dcd90281e5", "0055AED6DCD90281E5", Order.SAME),
        ("0A", "0A0", Order.SAME),
        ("0A", "0A1", Order.EARLIER),
        ("0B", "0A9999", Order.LATER),
        (None, "0A", Order.UNKNOWN),
        ("0A", None, Order.UNKNOWN),
        (None, None, Order.UNKNOWN),
    ],
)
def test_sequencers_order_after_padding_the_shorter_on_the_right(
    mine: str | None, theirs: str | None, order: Order
) -> None:
    left, right = object_event(s3(sequencer=mine)), object_event(s3(sequencer=theirs))

    assert left.order(right) is order


@given(st.text("0123456789ABCDEFabcdef", min_size=1), st.text("0123456789ABCDEFabcdef", min_size=1))
def test_the_order_of_two_events_is_antisymmetric(mine: str, theirs: str) -> None:
    left, right = object_event(s3(sequencer=mine)), object_event(s3(sequencer=theirs))
    mirrored = {Order.EARLIER: Order.LATER, Order.LATER: Order.EARLIER, Order.SAME: Order.SAME}

    assert right.order(left) is mirrored[left.order(right)]


@pytest.mark.parametrize("other", [s3(key="b"), s3(bucket="other")], ids=["key", "bucket"])
def test_the_order_of_different_objects_is_unknown(other: Json) -> None:
    assert object_event(s3()).order(object_event(other)) is Order.UNKNOWN


def test_an_object_has_the_same_order_whichever_way_its_events_came() -> None:
    direct = object_event(s3(key="a%2Bb", sequencer="0A"))
    bridged = from_eventbridge(eventbridge(object={"key": "a+b", "sequencer": "0B"}))

    assert direct.order(bridged) is Order.EARLIER


DETAILS: list[tuple[str, Json, str, type[ObjectEvent]]] = [
    ("Object Created", {"reason": "PutObject"}, "ObjectCreated:Put", ObjectCreated),
    ("Object Created", {"reason": "POST Object"}, "ObjectCreated:Post", ObjectCreated),
    ("Object Created", {"reason": "CopyObject"}, "ObjectCreated:Copy", ObjectCreated),
    (
        "Object Created",
        {"reason": "CompleteMultipartUpload"},
        "ObjectCreated:CompleteMultipartUpload",
        ObjectCreated,
    ),
    ("Object Created", {}, "ObjectCreated:Put", ObjectCreated),
    (
        "Object Deleted",
        {"reason": "DeleteObject", "deletion-type": "Permanently Deleted"},
        "ObjectRemoved:Delete",
        ObjectRemoved,
    ),
    (
        "Object Deleted",
        {"reason": "DeleteObject", "deletion-type": "Delete Marker Created"},
        "ObjectRemoved:DeleteMarkerCreated",
        DeleteMarkerCreated,
    ),
    (
        "Object Deleted",
        {"reason": "Lifecycle Expiration", "deletion-type": "Permanently Deleted"},
        "LifecycleExpiration:Delete",
        ObjectExpired,
    ),
    (
        "Object Deleted",
        {"reason": "Lifecycle Expiration", "deletion-type": "Delete Marker Created"},
        "LifecycleExpiration:DeleteMarkerCreated",
        ObjectExpired,
    ),
    ("Object Restore Initiated", {}, "ObjectRestore:Post", ObjectRestored),
    ("Object Restore Completed", {}, "ObjectRestore:Completed", ObjectRestored),
    ("Object Restore Expired", {}, "ObjectRestore:Delete", ObjectRestored),
    ("Object Storage Class Changed", {}, "LifecycleTransition", ObjectTransitioned),
    ("Object Access Tier Changed", {}, "IntelligentTiering", ObjectTiered),
    ("Object ACL Updated", {}, "ObjectAcl:Put", ObjectAclChanged),
    ("Object Tags Added", {}, "ObjectTagging:Put", ObjectTagged),
    ("Object Tags Deleted", {}, "ObjectTagging:Delete", ObjectTagged),
    ("Object Teleported", {}, "ObjectTeleported", ObjectEvent),
]


@pytest.mark.parametrize(("detail_type", "detail", "name", "family"), DETAILS)
def test_every_event_of_eventbridge_has_the_class_of_its_notification(
    detail_type: str, detail: Json, name: str, family: type[ObjectEvent]
) -> None:
    event = from_eventbridge(eventbridge(detail_type, **detail))

    assert type(event) is family
    assert event.name == name


def test_an_event_through_eventbridge_tells_what_a_notification_tells() -> None:
    event = from_eventbridge(eventbridge())

    assert event.bucket == "photos"
    assert event.size == 1024
    assert event.etag == "b1946ac92492d2347c6235b4d2611184"
    assert event.version_id == "IYV3p45B"
    assert event.sequencer == "617f08299329d189"
    assert event.time == datetime(2021, 11, 12, tzinfo=UTC)
    assert event.region == "us-east-1"
    assert event.id == "N4N7GDK58NMKJ12R-617f08299329d189"


def test_a_completed_restore_says_when_the_copy_expires() -> None:
    record = s3(name="ObjectRestore:Completed") | {
        "glacierEventData": {
            "restoreEventData": {
                "lifecycleRestorationExpiryTime": "1970-01-02T00:00:00.000Z",
                "lifecycleRestoreStorageClass": "GLACIER",
            }
        }
    }
    direct = object_event(record)
    bridged = from_eventbridge(
        eventbridge("Object Restore Completed", **{"restore-expiry-time": "1970-01-02T00:00:00Z"})
    )

    assert isinstance(direct, ObjectRestored)
    assert isinstance(bridged, ObjectRestored)
    assert direct.expires == bridged.expires == datetime(1970, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("data", [None, {}, [], {"restoreEventData": None}, {"restoreEventData": {}}])
def test_any_other_restore_expires_never(data: object) -> None:
    event = object_event(s3(name="ObjectRestore:Post") | {"glacierEventData": data})

    assert isinstance(event, ObjectRestored)
    assert event.expires is None


@pytest.mark.parametrize("record", [TEST_EVENT, sqs(TEST_EVENT), {"Records": [sqs(TEST_EVENT)]}])
def test_the_test_event_is_no_object_event(record: Json) -> None:
    (event,) = decode(record if "Records" in record or "Event" in record else {"Records": [record]}).events

    assert type(event) is TestEvent
    assert event.resource_name == "photos"


@pytest.mark.parametrize(
    "record",
    [
        s3() | {"eventName": None},
        s3() | {"eventName": 1},
        s3() | {"s3": None},
        s3() | {"s3": {"bucket": {"name": "photos"}}},
        s3() | {"s3": {"bucket": {}, "object": {"key": "a"}}},
        s3() | {"s3": {"bucket": {"name": 7}, "object": {"key": "a"}}},
        s3() | {"s3": {"bucket": {"name": "photos"}, "object": {"key": 7}}},
        s3() | {"s3": {"bucket": {"name": "photos"}, "object": {"key": ["%"]}}},
        s3(key=""),
    ],
)
def test_a_record_without_name_bucket_or_key_is_refused(record: Json) -> None:
    with pytest.raises(DecodeError, match="an S3 record"):
        object_event(record)


@pytest.mark.parametrize("detail", [None, [], "text", {}, {"bucket": {"name": "photos"}}, {"object": {"key": "a"}}])
def test_an_event_of_eventbridge_without_bucket_or_object_is_refused(detail: object) -> None:
    with pytest.raises(DecodeError):
        from_eventbridge(eventbridge() | {"detail": detail})


def test_a_time_that_is_none_is_none() -> None:
    assert object_event(s3() | {"eventTime": "yesterday"}).time is None
    assert object_event(s3() | {"eventTime": 7}).time is None


def test_events_are_values() -> None:
    event, same, other = object_event(s3()), object_event(s3()), object_event(s3(key="b"))

    assert event == same != other
    assert hash(event) == hash(same)
    assert event != object_event(s3(name="ObjectTagging:Put"))


@pytest.mark.parametrize("name", ["key", "bucket", "size", "record", "via", "anything"])
def test_an_event_cannot_be_changed(name: str) -> None:
    event = object_event(s3())

    with pytest.raises(AttributeError):
        setattr(event, name, "other")
