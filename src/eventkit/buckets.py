"""S3 buckets, and the sources that their notifications are."""

from typing import Literal, TypeVar

from eventkit._logic import Condition, all_of
from eventkit.conditions import key, kind
from eventkit.events import (
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
)
from eventkit.resources import Resource
from eventkit.sources import Selection, Selector, Source

__all__ = ["Bucket"]

Object = TypeVar("Object", bound=ObjectEvent)

Texts = str | tuple[str, ...]
"""One text, or several of which one must fit."""


class Bucket(Resource):
    """An S3 bucket. Its methods are sources: what its notifications report.

    Each takes `kinds`, the second part of the event's name (`created("Put")` takes `ObjectCreated:Put` alone), and
    `prefix` and `suffix` of the decoded key: one text, or several of which one must fit.
    """

    service = "s3"
    kind = "bucket"

    def created(
        self,
        *kinds: Literal["Put", "Post", "Copy", "CompleteMultipartUpload"],
        prefix: Texts = (),
        suffix: Texts = (),
    ) -> Source[ObjectCreated]:
        """Objects that were put, posted, copied, or whose multipart upload completed."""
        return _objects(self, ObjectCreated, kinds, prefix, suffix)

    def removed(
        self, *kinds: Literal["Delete", "DeleteMarkerCreated"], prefix: Texts = (), suffix: Texts = ()
    ) -> Source[ObjectRemoved]:
        """Objects or versions that a caller deleted, and delete markers."""
        return _objects(self, ObjectRemoved, kinds, prefix, suffix)

    def restored(
        self, *kinds: Literal["Post", "Completed", "Delete"], prefix: Texts = (), suffix: Texts = ()
    ) -> Source[ObjectRestored]:
        """Restores from an archive: asked for, completed, and expired."""
        return _objects(self, ObjectRestored, kinds, prefix, suffix)

    def replication(
        self,
        *kinds: Literal[
            "OperationFailedReplication",
            "OperationMissedThreshold",
            "OperationReplicatedAfterThreshold",
            "OperationNotTracked",
        ],
        prefix: Texts = (),
        suffix: Texts = (),
    ) -> Source[ObjectReplication]:
        """Replication that failed, or missed its threshold."""
        return _objects(self, ObjectReplication, kinds, prefix, suffix)

    def expired(
        self, *kinds: Literal["Delete", "DeleteMarkerCreated"], prefix: Texts = (), suffix: Texts = ()
    ) -> Source[ObjectExpired]:
        """Objects that a lifecycle rule deleted."""
        return _objects(self, ObjectExpired, kinds, prefix, suffix)

    def transitioned(self, *, prefix: Texts = (), suffix: Texts = ()) -> Source[ObjectTransitioned]:
        """Objects that a lifecycle rule moved to another storage class."""
        return _objects(self, ObjectTransitioned, (), prefix, suffix)

    def tiered(self, *, prefix: Texts = (), suffix: Texts = ()) -> Source[ObjectTiered]:
        """Objects that Intelligent-Tiering archived."""
        return _objects(self, ObjectTiered, (), prefix, suffix)

    def tagged(self, *kinds: Literal["Put", "Delete"], prefix: Texts = (), suffix: Texts = ()) -> Source[ObjectTagged]:
        """Objects whose tags changed."""
        return _objects(self, ObjectTagged, kinds, prefix, suffix)

    def acl_changed(self, *, prefix: Texts = (), suffix: Texts = ()) -> Source[ObjectAclChanged]:
        """Objects whose access control list was put."""
        return _objects(self, ObjectAclChanged, (), prefix, suffix)

    def lost(self, *, prefix: Texts = (), suffix: Texts = ()) -> Source[ObjectLost]:
        """Objects of the reduced-redundancy class that S3 lost."""
        return _objects(self, ObjectLost, (), prefix, suffix)

    def any(self, *, prefix: Texts = (), suffix: Texts = ()) -> Source[ObjectEvent]:
        """Everything, also what S3 may report in future."""
        return _objects(self, ObjectEvent, (), prefix, suffix)


def _objects(
    bucket: Bucket, event: type[Object], kinds: tuple[str, ...], prefix: Texts, suffix: Texts
) -> Source[Object]:
    conditions: list[Condition] = []
    if kinds:
        conditions.append(kind.equals(*kinds))
    if prefix:
        conditions.append(key.startswith(*_texts(prefix)))
    if suffix:
        conditions.append(key.endswith(*_texts(suffix)))
    return Selection((Selector(bucket, (event,), None, event, all_of(conditions)),))


def _texts(texts: Texts) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else texts
