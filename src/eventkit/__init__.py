"""Event-driven workers for AWS: handlers written once, run in Lambda, in a poller and in a test.

The names below are the public ones; `docs/` shows them at work.
"""

from eventkit.app import App, Route, Router, Unmatched
from eventkit.buckets import Bucket
from eventkit.buses import Bus
from eventkit.conditions import attribute, key, new, old
from eventkit.decode import Batch, Ordering, Record, decode
from eventkit.delivery import Deadline, Delivery
from eventkit.discriminators import ByAttribute, ByField, Discriminator
from eventkit.errors import (
    AbsentImageError,
    AuthorError,
    BackendError,
    ConfigurationError,
    DecodeError,
    EventkitError,
    InjectionError,
    MessageTooLargeError,
    MissingExtraError,
    RouteError,
    ValidationFailed,
)
from eventkit.events import (
    AwsEvent,
    BusEvent,
    Change,
    DeleteMarkerCreated,
    Inserted,
    Message,
    Modified,
    Notification,
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
    Removed,
    StreamView,
)
from eventkit.idempotency import Idempotent
from eventkit.middleware import CallNext, Middleware
from eventkit.names import Names
from eventkit.outcomes import Backoff, Done, Outcome, Reject, Retry
from eventkit.publish import Sender, To
from eventkit.resources import Destination, Queue, Resource, Table, Topic
from eventkit.signatures import Depends
from eventkit.sources import Source

__all__ = [
    "AbsentImageError",
    "App",
    "AuthorError",
    "AwsEvent",
    "BackendError",
    "Backoff",
    "Batch",
    "Bucket",
    "Bus",
    "BusEvent",
    "ByAttribute",
    "ByField",
    "CallNext",
    "Change",
    "ConfigurationError",
    "Deadline",
    "DecodeError",
    "DeleteMarkerCreated",
    "Delivery",
    "Depends",
    "Destination",
    "Discriminator",
    "Done",
    "EventkitError",
    "Idempotent",
    "InjectionError",
    "Inserted",
    "Message",
    "MessageTooLargeError",
    "Middleware",
    "MissingExtraError",
    "Modified",
    "Names",
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
    "Ordering",
    "Outcome",
    "Queue",
    "Record",
    "Reject",
    "Removed",
    "Resource",
    "Retry",
    "Route",
    "RouteError",
    "Router",
    "Sender",
    "Source",
    "StreamView",
    "Table",
    "To",
    "Topic",
    "Unmatched",
    "ValidationFailed",
    "attribute",
    "decode",
    "key",
    "new",
    "old",
]
