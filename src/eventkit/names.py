"""What the app's resources are called in an account, and how their events enter: configuration, never code.

Every resource's physical name is its logical one unless the environment says otherwise (`-`, `.` and lower case
become `_` and upper case):

===============================  ==========================================================================
``EVENTKIT_QUEUE_THUMBNAILS``    a queue's name, URL or ARN; likewise ``BUCKET``, ``BUS``, ``STREAM``, ``TABLE`` and
                                 ``TOPIC``
``EVENTKIT_VIA_PHOTOS``          ``sqs:`` and the queue that carries a bucket's, topic's or bus's events
``EVENTKIT_ON_FAILURE``          ``sqs:``, ``sns:`` or ``s3:`` and where rejected events go that came from no queue
===============================  ==========================================================================

A full ARN is an allow list of one: an event that names another account or Region is not the resource's.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from eventkit.buckets import Bucket
from eventkit.buses import Bus
from eventkit.errors import ConfigurationError
from eventkit.events._base import parse_arn
from eventkit.resources import Queue, Resource, Stream, Streamed, Table, Topic
from eventkit.values import Value, replace

__all__ = ["Names"]

PREFIX = "EVENTKIT_"
ON_FAILURE = "EVENTKIT_ON_FAILURE"
SCHEMES = {kind.service: kind.kind for kind in (Queue, Topic, Bucket)}
KINDS = {kind.kind.upper(): kind for kind in (Bucket, Bus, Stream, Table, Queue, Topic)}
CARRIED = (Bucket, Bus, Topic)

INSIDE = {Table.kind: "/stream/", Stream.kind: "/consumer/"}
"""What an event's ARN goes on with after the resource's own: a table's stream, a consumer with enhanced fan-out."""


class Names(Value):
    """The physical names of an app's resources.

    `app` is the app's name; `physical` maps `"QUEUE_THUMBNAILS"` to a name, URL or ARN; `via` maps `"PHOTOS"` to
    the queue that carries the resource's notifications; `on_failure` is the kind (`queue`, `topic` or `bucket`) and
    the address of what takes rejected events that came from no queue, and so have no dead-letter queue.
    """

    app: str
    physical: Mapping[str, str] = MappingProxyType[str, str]({})
    via: Mapping[str, str] = MappingProxyType[str, str]({})
    on_failure: tuple[str, str] | None = None

    @classmethod
    def from_environ(cls, app: str, environ: Mapping[str, str]) -> "Names":
        """Read the names from the environment.

        Raises `ConfigurationError` for a carrier that is no queue, and a destination that is no queue, topic or bucket.
        """
        physical: dict[str, str] = {}
        via: dict[str, str] = {}
        for variable, value in environ.items():
            kind, _, name = variable.removeprefix(PREFIX).partition("_")
            if not variable.startswith(PREFIX) or not name or not value:
                continue
            if kind in KINDS:
                physical[f"{kind}_{name}"] = value
            elif kind == "VIA":
                via[name] = _queue(variable, value)
        failures = environ.get(ON_FAILURE)
        return cls(app, physical, via, _destination(ON_FAILURE, failures) if failures else None)

    def with_via(self, carriers: Iterable[str], resources: Iterable[Resource] | None = None) -> "Names":
        """The same names with carriers as the command line gives them: `photos=sqs:media-events`.

        `resources` are those that the app takes events of. Where they are given, a carrier for none of its buckets,
        topics and buses is a mistake. Raises `ConfigurationError` for that, and for a carrier that is no queue.
        """
        via = dict(self.via)
        carried = None if resources is None else {one.name for one in resources if isinstance(one, CARRIED)}
        for carrier in carriers:
            name, separator, queue = carrier.partition("=")
            if not separator:
                raise ConfigurationError(f"--via {carrier!r}: write RESOURCE=sqs:QUEUE, for instance photos=sqs:media")
            if carried is not None and _variable(name) not in map(_variable, carried):
                raise ConfigurationError(f"--via {name}: the app takes no events of {_not_carried(name, carried)}")
            via[_variable(name)] = _queue(f"--via {name}", queue)
        return replace(self, via=via)

    def address(self, resource: Resource) -> str:
        """The resource's name, URL or ARN, as configured; its logical name otherwise."""
        return self.physical.get(f"{resource.kind.upper()}_{_variable(resource.name)}", resource.name)

    def name(self, resource: Resource) -> str:
        """The resource's physical name."""
        return name_in(self.address(resource))

    def carrier(self, resource: Resource) -> str:
        """The queue that brings the resource's events to a poller: its name, URL or ARN.

        A queue carries itself; a bucket's, topic's or bus's events are by convention in `<app>-<resource>`. Raises
        `ConfigurationError` for a table and a stream, whose events come in no queue.
        """
        if isinstance(resource, Streamed):
            raise ConfigurationError(f"the events of {resource} come in the shards of its stream, and in no queue")
        if resource.kind == Queue.kind:
            return self.address(resource)
        return self.via.get(_variable(resource.name), f"{self.app}-{resource.name}")

    def is_origin(self, resource: Resource, name: str | None, arn: str) -> bool:
        """Whether an event that states this physical name and ARN is the resource's."""
        address = self.address(resource)
        if not parse_arn(address):
            return name == name_in(address)
        inside = INSIDE.get(resource.kind)
        return arn == address or (inside is not None and arn.startswith(address + inside))


def variable_of(resource: Resource) -> str:
    """The environment variable that says what the resource is called."""
    return f"{PREFIX}{resource.kind.upper()}_{_variable(resource.name)}"


def dead_letter_name(queue: str) -> str:
    """What a queue's dead-letter queue is called by convention: `<queue>-dlq`.

    A FIFO queue's must be one, too ("Amazon SQS dead-letter queues").
    """
    name = queue.removesuffix(".fifo")
    return f"{name}-dlq{queue[len(name) :]}"


def name_in(address: str) -> str:
    """The physical name in a name, URL or ARN."""
    arn = parse_arn(address)
    return arn.name if arn else address.rstrip("/").rpartition("/")[2]


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _not_carried(name: str, carried: Iterable[str]) -> str:
    """What is wrong with a name that is none of those."""
    from difflib import get_close_matches  # needed for a mistake alone, and no cold start should pay for it

    known = sorted(carried)
    close = get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, known)) or 'none'}"
    return f"a bucket, topic or bus {name!r}; {hint}"


def _queue(where: str, value: str) -> str:
    scheme, _, queue = value.partition(":")
    if scheme == "sqs" and queue:
        return queue
    raise ConfigurationError(f"{where}: {value!r} is not a carrier; write sqs: and the queue's name, URL or ARN")


def _destination(where: str, value: str) -> tuple[str, str]:
    scheme, _, address = value.partition(":")
    if scheme in SCHEMES and address:
        return SCHEMES[scheme], address
    raise ConfigurationError(f"{where}: {value!r} is no destination; write sqs:, sns: or s3: and the name, URL or ARN")
