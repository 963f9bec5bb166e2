"""The typed, immutable values that handlers get: light views over the records that AWS delivers."""

from eventkit.events._base import AttributeValue, AwsEvent
from eventkit.events.dynamodb import Change, Inserted, Item, Modified, Removed, StreamView
from eventkit.events.eventbridge import BusEvent
from eventkit.events.kinesis import KinesisRecord
from eventkit.events.s3 import (
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
    TestEvent,
)
from eventkit.events.sns import Notification
from eventkit.events.sqs import Message

__all__ = [
    "AttributeValue",
    "AwsEvent",
    "BusEvent",
    "Change",
    "DeleteMarkerCreated",
    "Inserted",
    "Item",
    "KinesisRecord",
    "Message",
    "Modified",
    "Notification",
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
    "Removed",
    "StreamView",
    "TestEvent",
]
