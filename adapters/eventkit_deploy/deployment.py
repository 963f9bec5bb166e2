"""What is deployed: what an app needs, and what was chosen. Pure.

The queues to poll and the streams to read are the poller's own plan. A queue's dead-letter queue is called
`<queue>-dlq` by convention, as `eventkit dev` makes it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from math import ceil
from urllib.parse import parse_qsl, urlsplit

from eventkit.app import App
from eventkit.buses import Bus
from eventkit.errors import ConfigurationError
from eventkit.events._base import parse_arn
from eventkit.names import ON_FAILURE, PREFIX, SCHEMES, Names, dead_letter_name, name_in, variable_of
from eventkit.resources import Queue, Resource, Table, Topic
from eventkit.stores import STORE
from eventkit.streams.leases import LEASES
from eventkit_poller import PolledQueue, ReadStream, Settings, plan_of

__all__ = [
    "Address",
    "Deployment",
    "Options",
    "Polled",
    "PublishedTopic",
    "ReadShards",
    "deployment_of",
    "environ_of",
    "grace_of",
    "label_of",
]

MARGIN = 10
"""Seconds between the end of the poller's own budget and the moment in which the process is killed."""

RELIED_ON = frozenset({"concurrency", "wait", "drain", "flush"})
"""Settings that the documents' own numbers follow from, so they are written even where they are the default."""

MAX_LABEL = 54
"""Letters of a name: a DNS-1123 label has 63, and KEDA puts `keda-hpa-` before it to label what it makes."""


@dataclass(frozen=True, slots=True)
class Address:
    """A queue, topic, table or the like: its name, and its Region and account where they are known."""

    name: str
    region: str | None = None
    account: str | None = None

    @classmethod
    def parse(cls, address: str) -> "Address":
        """Read a name, URL or ARN."""
        arn = parse_arn(address)
        if arn:
            return cls(arn.name, arn.region or None, arn.account or None)
        host, path = urlsplit(address).hostname or "", urlsplit(address).path.split("/")
        region = re.match(r"sqs\.([a-z0-9-]+)\.", host)
        known = region is not None and len(path) > len(("", "account"))
        return cls(name_in(address), region[1] if region else None, path[1] if known else None)

    @property
    def fifo(self) -> bool:
        """Whether it keeps order by message group."""
        return self.name.endswith(".fifo")


@dataclass(frozen=True, slots=True)
class Polled:
    """A queue that is polled, with its dead-letter queue; one process handles `slots` of its records at once."""

    address: Address
    dead_letter: Address
    slots: int


@dataclass(frozen=True, slots=True)
class PublishedTopic:
    """A topic that the app publishes to, and the environment variable that says where it is."""

    address: Address
    variable: str


@dataclass(frozen=True, slots=True)
class ReadShards:
    """A table or a Kinesis stream whose shards are read.

    Attributes:
        address: The table or the stream.
        is_table: Whether it is a table.
        label: Which of the streams that the table has had, where that is configured.
    """

    address: Address
    is_table: bool
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen about a deployment. Raises `ConfigurationError` for what cannot be.

    Attributes:
        app: Where the app is, `MODULE:APP`, as `eventkit run` takes it.
        image: The container's image; None leaves it open where the document has parameters.
        settings: The poller's.
        workers: Processes of one replica, each with `settings.concurrency` of its own.
        least: Replicas that always run; 0 only where something else can start the first one.
        most: Replicas at most.
        backlog: Messages for each slot that are right: 1 gives each message a slot of its own at once. For more, divide
            the seconds that a message may wait by those that a handler takes.
        cpu: CPUs of a replica.
        memory: MiB of a replica.
        port: Where a replica answers `/healthz` and `/readyz`.
        region: The Region of queues whose address does not say it.
        account: Likewise, the account.
        role: The ARN of the IAM role that a pod's service account stands for.
        store: The URL of the store that idempotent routes need.
        leases: The URL of the store of leases, which replicas that read streams need.
    """

    app: str
    image: str | None = None
    settings: Settings = field(default_factory=Settings)
    workers: int = 1
    least: int = 1
    most: int = 10
    backlog: int = 1
    cpu: float = 0.25
    memory: int = 512
    port: int = 8080
    region: str | None = None
    account: str | None = None
    role: str | None = None
    store: str | None = None
    leases: str | None = None

    def __post_init__(self) -> None:
        for name, smallest in (("workers", 1), ("least", 0), ("most", max(1, self.least)), ("backlog", 1)):
            value = getattr(self, name)
            if value < smallest:
                raise ConfigurationError(f"{name}={value!r}: it must be at least {smallest}")
        if urlsplit(self.store or "").password:
            raise ConfigurationError(
                "the store's URL holds a password, which does not belong into these documents: leave it out, and give "
                f"the containers {STORE} as a secret"
            )


@dataclass(frozen=True, slots=True)
class Deployment:
    """An app as it is deployed.

    Attributes:
        name: What it is called: a DNS-1123 label.
        options: What was chosen.
        polled: The queues that it reads.
        queues: The queues that it sends to, apart from dead-letter queues.
        topics: The topics that it publishes to.
        environ: The environment variables that say what its resources are called.
        buses: The event buses that it puts events on.
        shards: The tables and streams whose shards it reads.
        on_failure: The kind and the address of what takes records of them that are given up.
    """

    name: str
    options: Options
    polled: tuple[Polled, ...]
    queues: tuple[Address, ...]
    topics: tuple[PublishedTopic, ...]
    environ: Mapping[str, str]
    buses: tuple[Address, ...] = ()
    shards: tuple[ReadShards, ...] = ()
    on_failure: tuple[str, Address] | None = None

    @property
    def store_table(self) -> Address | None:
        """The DynamoDB table that is the store, where it is one."""
        return self._table(self.options.store)

    @property
    def lease_table(self) -> Address | None:
        """The DynamoDB table that holds the leases, where shards are read and it is one."""
        return self._table(self.options.leases) if self.shards else None

    @property
    def makes_lease_table(self) -> bool:
        """Whether replicas make that table where it is missing."""
        return "create" in dict(parse_qsl(urlsplit(self.options.leases or "").query))

    def _table(self, url: str | None) -> Address | None:
        parts = urlsplit(url or "")
        if not parts.scheme.startswith("dynamodb"):
            return None
        region = dict(parse_qsl(parts.query)).get("region")
        return Address(parts.netloc, region or self.options.region, self.options.account)

    def capacity(self, polled: Polled) -> int:
        """Messages of a queue, waiting or in work, that are right for one replica: what is scaled by."""
        return polled.slots * self.options.workers * self.options.backlog


def deployment_of(app: App, names: Names, options: Options) -> Deployment:
    """What is deployed of an app.

    Raises `ConfigurationError` where a poller would have nothing to read, or replicas that read streams would have no
    leases that they share, or would all be taken away while its queues are empty.
    """
    plan = plan_of(app, names)
    if not plan.queues and not plan.streams:
        raise ConfigurationError(f"there is nothing to deploy: a poller of the app {app.name!r} has nothing to read")
    if plan.streams:
        _require_shared(plan.streams, options)
    sent, on_failure = app.destinations(), names.on_failure if plan.streams else None
    chosen = {STORE: options.store, LEASES: options.leases if plan.streams else None, **_keeping(on_failure)}
    return Deployment(
        name=label_of(app.name),
        options=options,
        polled=tuple(_polled(queue, options) for queue in plan.queues),
        queues=tuple(_sent_to(names, sent, Queue.kind, options)),
        topics=tuple(_published(names, sent, options)),
        environ={**_environ_of(names), **{name: value for name, value in chosen.items() if value}},
        buses=tuple(_sent_to(names, sent, Bus.kind, options)),
        shards=tuple(_read(stream, options) for stream in plan.streams),
        on_failure=on_failure and (on_failure[0], _located(Address.parse(on_failure[1]), options)),
    )


def _require_shared(streams: Iterable[ReadStream], options: Options) -> None:
    read = ", ".join(str(stream.resource) for stream in streams)
    if (options.leases or "memory:").startswith("memory:"):
        raise ConfigurationError(
            f"replicas share the shards of {read} by leases in a table: set {LEASES} to dynamodb://TABLE?create=true"
        )
    if options.least < 1:
        raise ConfigurationError(
            f"least=0: {read} would not be read while there are no replicas; it must be at least 1"
        )


def _keeping(on_failure: tuple[str, str] | None) -> Mapping[str, str]:
    if on_failure is None:
        return {}
    [scheme] = [scheme for scheme, kind in SCHEMES.items() if kind == on_failure[0]]
    return {ON_FAILURE: f"{scheme}:{on_failure[1]}"}


def _read(stream: ReadStream, options: Options) -> ReadShards:
    label = stream.address.partition("/stream/")[2] or None
    is_table = stream.resource.kind == Table.kind
    return ReadShards(_located(Address.parse(stream.address), options), is_table, label if is_table else None)


def environ_of(deployment: Deployment, host: str) -> dict[str, str]:
    """The environment of `eventkit run`: its options, with probes answered on `host`, and the resources' names."""
    options, usual = deployment.options, Settings()
    chosen = {one.name: getattr(options.settings, one.name) for one in fields(usual)}
    return {
        "EVENTKIT_HEALTH": f"{host}:{options.port}",
        "EVENTKIT_WORKERS": str(options.workers),
        "EVENTKIT_LOG_FORMAT": "json",
        **{
            f"{PREFIX}{name.upper()}": _text(value)
            for name, value in chosen.items()
            if name in RELIED_ON or value != getattr(usual, name)
        },
        **deployment.environ,
    }


def grace_of(settings: Settings) -> int:
    """Seconds from SIGTERM to SIGKILL that a process needs: what `Poller.stop` may take, and a margin."""
    return ceil(settings.stopping) + MARGIN


def label_of(text: str) -> str:
    """A DNS-1123 label (RFC 1123, "Object Names and IDs" in Kubernetes' documentation) that resembles the text."""
    label = re.sub(r"[^a-z0-9]+", "-", text.lower())[:MAX_LABEL].strip("-")
    return label or "eventkit"


def _text(value: float | Mapping[str, float]) -> str:
    """A setting as `eventkit run` reads it from the environment: a number, or `jobs=3,photos=1`."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_text(number)}" for name, number in value.items())
    return f"{value:.15g}"


def _polled(queue: PolledQueue, options: Options) -> Polled:
    address = _located(Address.parse(queue.address), options)
    dead_letter = Address(dead_letter_name(address.name), address.region, address.account)
    most = options.settings.concurrency
    return Polled(address, dead_letter, min(queue.concurrency or most, most))


def _sent_to(names: Names, sent: Iterable[Resource], kind: str, options: Options) -> Iterator[Address]:
    for resource in sent:
        if resource.kind == kind:
            yield _located(Address.parse(names.address(resource)), options)


def _published(names: Names, sent: Iterable[Resource], options: Options) -> Iterator[PublishedTopic]:
    for resource in sent:
        if resource.kind == Topic.kind:
            yield PublishedTopic(_located(Address.parse(names.address(resource)), options), variable_of(resource))


def _located(address: Address, options: Options) -> Address:
    return Address(address.name, address.region or options.region, address.account or options.account)


def _environ_of(names: Names) -> dict[str, str]:
    """The variables that a poller's names are read from, apart from the on-failure destination, which streams need."""
    environ = {f"{PREFIX}{name}": address for name, address in names.physical.items()}
    return environ | {f"{PREFIX}VIA_{name}": f"sqs:{queue}" for name, queue in names.via.items()}
