"""Making what a plan says, in an account or in what stands for one.

It adds and takes nothing away: what is there keeps its settings, apart from permissions, a dead-letter queue, a
subscription, a notification or a stream that it lacks. So it may be repeated.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

from eventkit.buckets import Bucket
from eventkit.errors import BackendError, ConfigurationError
from eventkit.resources import Queue, Topic
from eventkit_aws._calls import call, code_of, translated
from eventkit_aws._sessions import Options, imported
from eventkit_local.plan import (
    BucketPlan,
    BusPlan,
    IndexPlan,
    KeyType,
    Plan,
    QueuePlan,
    StreamPlan,
    SubscriptionPlan,
    TablePlan,
    TopicPlan,
)

__all__ = ["Target", "is_loopback", "lines_of", "provision", "require_permission"]

Fields = dict[str, Any]
Client = Any
"""One of aioboto3's clients, which are typed by packages that users need not have."""

Progress = Callable[[str], None]

NOTIFICATION = "eventkit"
"""The id of the configuration that is added to a bucket's notifications."""

RETENTION = 1_209_600
"""Seconds for which dead letters are kept: 14 days, the most that Amazon SQS allows."""

NO_QUEUE = frozenset({"QueueDoesNotExist", "NonExistentQueue"})
OURS_ALREADY = "BucketAlreadyOwnedByYou"
DEFAULT_REGION = "us-east-1"
"""The Region whose buckets must be made without naming it ("CreateBucket" in the S3 API reference)."""

EVERY_EVENT: Mapping[str, object] = {"source": [{"prefix": ""}]}
"""The pattern that takes all of a bus's events; what the app does not know, it ignores."""

DEFAULT_BUS = "default"
"""The bus that every account has."""

LONGEST_RULE = 64
"""Characters of a rule's name ("PutRule" in the EventBridge API reference)."""

SERVICES = ("sqs", "sns", "s3", "dynamodb", "events", "kinesis")
"""Those that resources are made in, as the SDK calls them."""

STREAM: Mapping[str, object] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where to provision. `endpoint_url` None is AWS itself; `anywhere` permits what is not this machine."""

    endpoint_url: str | None
    region: str | None = None
    anywhere: bool = False


def is_loopback(endpoint_url: str | None) -> bool:
    """Whether an endpoint is on this machine for sure: `localhost`, 127.0.0.0/8 or ::1. No name is looked up."""
    try:
        host = urlsplit(endpoint_url or "").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def require_permission(target: Target) -> None:
    """Raises `ConfigurationError` when nobody has permitted to provision there."""
    if target.anywhere or is_loopback(target.endpoint_url):
        return
    where = f"{target.endpoint_url}, which is not this machine" if target.endpoint_url else "a real AWS account"
    raise ConfigurationError(f"this would create resources in {where}: pass --provision if that is what you want")


async def provision(plan: Plan, target: Target, progress: Progress) -> None:
    """Make everything that the plan says; `progress` gets a line for each resource.

    Raises `ConfigurationError` when the target is not permitted, `MissingExtraError`, and `BackendError`.
    """
    require_permission(target)
    options = Options(target.region, target.endpoint_url).client()
    client = partial(imported("aioboto3").Session().client, **options)
    async with AsyncExitStack() as stack:
        with translated("opening the services to provision in"):
            sqs, sns, s3, dynamodb, events, kinesis = [
                await stack.enter_async_context(client(name)) for name in SERVICES
            ]
        queues = {queue.name: await _queue(sqs, queue) for queue in plan.queues}
        topics = {topic.name: await _topic(sns, topic) for topic in plan.topics}
        for subscription in plan.subscriptions:
            await _subscribe(sns, subscription, topics[subscription.topic], queues[subscription.queue].arn)
        rules = [await _bus(events, bus, queues) for bus in plan.buses]
        for name, queue in queues.items():
            feeding = [topics[one.topic] for one in plan.subscriptions if one.queue == name]
            await _permit(sqs, queue, feeding, [rule[name] for rule in rules if name in rule])
        for bucket in plan.buckets:
            await _bucket(s3, bucket, topics[bucket.topic])
        for table in plan.tables:
            await _table(dynamodb, table)
        for stream in plan.streams:
            await _stream(kinesis, stream)
        if plan.on_failure is not None:
            await _on_failure({Queue.kind: sqs, Topic.kind: sns, Bucket.kind: s3}, *plan.on_failure)
    for line in lines_of(plan):
        progress(line)


def lines_of(plan: Plan) -> Iterator[str]:
    """The plan for a person: a line for each bucket, topic, bus, queue, table and stream, and what it leads to."""
    feeds = {
        one.topic: [two.queue for two in plan.subscriptions if two.topic == one.topic] for one in plan.subscriptions
    }
    for bucket in plan.buckets:
        yield f"bucket {bucket.name} → topic {bucket.topic} → queue {', '.join(feeds[bucket.topic])}"
    for topic in plan.topics:
        if not topic.buckets:
            yield " → queue ".join([f"topic {topic.name}", *feeds.get(topic.name, [])])
    for bus in plan.buses:
        yield f"bus {bus.name}" + (f" → queue {', '.join(bus.queues)}" if bus.queues else "")
    for queue in plan.queues:
        yield f"queue {queue.name}, its dead letters in {queue.dead_letter}"
    for table in plan.tables:
        yield f"table {table.name}, its key {table.key} ({table.key_type}), with a stream"
    for stream in plan.streams:
        yield f"stream {stream.name}, with {stream.shards} shards"
    if plan.on_failure is not None:
        yield f"{' '.join(plan.on_failure)}, for what is given up of tables and streams"


@dataclass(frozen=True, slots=True)
class _Queue:
    url: str
    arn: str
    attributes: Mapping[str, str]


async def _queue(sqs: Client, plan: QueuePlan) -> _Queue:
    """Make the queue and its dead-letter queue."""
    dead = await _made_queue(sqs, plan.dead_letter, {"MessageRetentionPeriod": str(RETENTION)})
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": plan.max_receives})
    queue = await _made_queue(sqs, plan.name, {"VisibilityTimeout": str(plan.visibility), "RedrivePolicy": redrive})
    if "RedrivePolicy" not in queue.attributes:
        await _set_queue(sqs, queue, "RedrivePolicy", redrive)
    return queue


async def _made_queue(sqs: Client, name: str, attributes: Mapping[str, str]) -> _Queue:
    """The queue as it is, or made with these attributes where there is none."""
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
    try:
        found = await call(sqs.get_queue_url, f"GetQueueUrl of {name!r}", QueueName=name)
    except BackendError as error:
        if code_of(error) not in NO_QUEUE:
            raise
        request = {"QueueName": name, "Attributes": {**attributes, **fifo}}
        found = await call(sqs.create_queue, f"CreateQueue {name!r}", **request)
    url = str(found["QueueUrl"])
    known = await call(
        sqs.get_queue_attributes, f"GetQueueAttributes of {name!r}", QueueUrl=url, AttributeNames=["All"]
    )
    return _Queue(url, known["Attributes"]["QueueArn"], known["Attributes"])


async def _permit(sqs: Client, queue: _Queue, topics: Sequence[str], rules: Sequence[str]) -> None:
    """Let the topics and the rules of event buses, by their ARNs, send to the queue."""
    senders = [*(("sns", topic) for topic in topics), *(("events", rule) for rule in rules)]
    statements = [
        permission(f"{service}.amazonaws.com", "sqs:SendMessage", queue.arn, sender) for service, sender in senders
    ]
    policy = with_statements(queue.attributes.get("Policy"), statements)
    if statements and policy != queue.attributes.get("Policy"):
        await _set_queue(sqs, queue, "Policy", policy)


async def _set_queue(sqs: Client, queue: _Queue, name: str, value: str) -> None:
    what = f"SetQueueAttributes of {queue.arn!r}"
    await call(sqs.set_queue_attributes, what, QueueUrl=queue.url, Attributes={name: value})


async def _topic(sns: Client, plan: TopicPlan) -> str:
    """Make the topic, let its buckets publish to it, and return its ARN."""
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "true"} if plan.name.endswith(".fifo") else {}
    made = await call(sns.create_topic, f"CreateTopic {plan.name!r}", Name=plan.name, Attributes=fifo)
    arn = str(made["TopicArn"])
    if plan.buckets:
        known = await call(sns.get_topic_attributes, f"GetTopicAttributes of {arn!r}", TopicArn=arn)
        buckets = [
            permission("s3.amazonaws.com", "sns:Publish", arn, f"arn:aws:s3:::{name}", account=arn.split(":")[4])
            for name in plan.buckets
        ]
        request = {
            "AttributeName": "Policy",
            "AttributeValue": with_statements(known["Attributes"].get("Policy"), buckets),
        }
        await call(sns.set_topic_attributes, f"SetTopicAttributes of {arn!r}", TopicArn=arn, **request)
    return arn


async def _subscribe(sns: Client, plan: SubscriptionPlan, topic: str, queue: str) -> None:
    what = f"Subscribe {plan.queue!r} to {plan.topic!r}"
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue, "ReturnSubscriptionArn": True}
    made = await call(sns.subscribe, what, **request)
    raw = {"AttributeName": "RawMessageDelivery", "AttributeValue": "true" if plan.raw else "false"}
    await call(sns.set_subscription_attributes, what, SubscriptionArn=made["SubscriptionArn"], **raw)


async def _bus(events: Client, plan: BusPlan, queues: Mapping[str, _Queue]) -> Mapping[str, str]:
    """Make the bus with a rule for each of its queues; returns the rules' ARNs by the names of the queues."""
    if plan.name != DEFAULT_BUS:
        try:
            await call(events.create_event_bus, f"CreateEventBus {plan.name!r}", Name=plan.name)
        except BackendError as error:
            if code_of(error) != "ResourceAlreadyExistsException":
                raise
    return {queue: await _rule(events, plan.name, queue, queues[queue].arn) for queue in plan.queues}


async def _rule(events: Client, bus: str, name: str, queue: str) -> str:
    what = f"PutRule {name!r} on {bus!r}"
    where, rule = {"EventBusName": bus}, name[:LONGEST_RULE]
    made = await call(events.put_rule, what, Name=rule, EventPattern=json.dumps(EVERY_EVENT), **where)
    await call(events.put_targets, what, Rule=rule, Targets=[{"Id": NOTIFICATION, "Arn": queue}], **where)
    return str(made["RuleArn"])


async def _bucket(s3: Client, plan: BucketPlan, topic: str) -> None:
    """Make the bucket and let it tell the topic about its objects."""
    await _made_bucket(s3, plan.name)
    what = f"the notifications of bucket {plan.name!r}"
    known = await call(s3.get_bucket_notification_configuration, what, Bucket=plan.name)
    wanted = with_notification(known, topic, plan.events)
    if wanted.items() <= known.items():  # S3 would send another test event
        return
    await call(s3.put_bucket_notification_configuration, what, Bucket=plan.name, NotificationConfiguration=wanted)


async def _made_bucket(s3: Client, name: str) -> None:
    region = s3.meta.region_name
    where = {} if region == DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        await call(s3.create_bucket, f"CreateBucket {name!r}", Bucket=name, **where)
    except BackendError as error:
        if code_of(error) != OURS_ALREADY:
            raise


async def _on_failure(clients: Mapping[str, Client], kind: str, name: str) -> None:
    """Make what takes records that are given up. Messages are kept as dead letters are."""
    match kind:
        case Queue.kind:
            await _made_queue(clients[kind], name, {"MessageRetentionPeriod": str(RETENTION)})
        case Topic.kind:
            await _topic(clients[kind], TopicPlan(name))
        case _:
            await _made_bucket(clients[kind], name)


async def _table(dynamodb: Client, plan: TablePlan) -> None:
    keys: list[tuple[str, KeyType]] = [(plan.key, plan.key_type)]
    if plan.sort_key:
        keys.append((plan.sort_key, "S"))
    types = dict([*keys, *(key for index in plan.indexes for key in index.keys)])
    indexes = {"GlobalSecondaryIndexes": [*map(_index, plan.indexes)]} if plan.indexes else {}
    request = {
        "TableName": plan.name,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        "KeySchema": _schema(keys),
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": STREAM,
        **indexes,
    }
    try:
        await call(dynamodb.create_table, f"CreateTable {plan.name!r}", **request)
    except BackendError as error:
        if code_of(error) != "ResourceInUseException":
            raise
    what = f"DescribeTable {plan.name!r}"
    with translated(what):
        await dynamodb.get_waiter("table_exists").wait(TableName=plan.name, WaiterConfig={"Delay": 1})
    table: Fields = (await call(dynamodb.describe_table, what, TableName=plan.name))["Table"]
    stream: Fields = table.get("StreamSpecification") or {}
    if not stream.get("StreamEnabled"):
        request = {"TableName": plan.name, "StreamSpecification": STREAM}
        await call(dynamodb.update_table, f"UpdateTable {plan.name!r}", **request)


def _index(plan: IndexPlan) -> Fields:
    projection = (
        {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(plan.carried)}
        if plan.carried
        else {"ProjectionType": "ALL"}
    )
    return {"IndexName": plan.name, "KeySchema": _schema(plan.keys), "Projection": projection}


def _schema(keys: Sequence[tuple[str, KeyType]]) -> list[Fields]:
    return [{"AttributeName": name, "KeyType": part} for (name, _), part in zip(keys, ("HASH", "RANGE"), strict=False)]


async def _stream(kinesis: Client, plan: StreamPlan) -> None:
    request = {"StreamName": plan.name, "ShardCount": plan.shards}
    try:
        await call(kinesis.create_stream, f"CreateStream {plan.name!r}", **request)
    except BackendError as error:
        if code_of(error) != "ResourceInUseException":
            raise
    with translated(f"DescribeStream {plan.name!r}"):
        await kinesis.get_waiter("stream_exists").wait(StreamName=plan.name, WaiterConfig={"Delay": 1})


def permission(service: str, action: str, target: str, source: str, *, account: str | None = None) -> Fields:
    """A policy's statement: the service may do this to the target on behalf of the source, both by their ARNs.

    A bucket's ARN holds no account, so its owner's `account` is demanded, too ("Granting permissions to publish event
    notification messages to a destination").
    """
    condition: Fields = {"ArnEquals": {"aws:SourceArn": source}}
    if account is not None:
        condition["StringEquals"] = {"aws:SourceAccount": account}
    return {
        "Sid": "eventkit" + "".join(letter if letter.isalnum() else "X" for letter in source.partition(":")[2]),
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": target,
        "Condition": condition,
    }


def with_statements(policy: str | None, statements: Sequence[Fields]) -> str:
    """A policy with statements added, each in the place of the one that has its Sid; the same where it has them."""
    known: Fields = json.loads(policy) if policy else {"Version": "2012-10-17", "Statement": []}
    listed: Any = known.get("Statement", [])
    kept = cast("list[Fields]", listed) if isinstance(listed, list) else [listed]  # a policy may hold a bare statement
    if policy and all(statement in kept for statement in statements):
        return policy
    ours = {statement["Sid"] for statement in statements}
    merged = [*(one for one in kept if one.get("Sid") not in ours), *statements]
    return json.dumps({**known, "Statement": merged})


def with_notification(configuration: Mapping[str, Any], topic: str, events: Sequence[str]) -> Fields:
    """A bucket's notifications with those to the topic added, in the place of what was added before."""
    kinds = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations", "EventBridgeConfiguration")
    known = {kind: configuration[kind] for kind in kinds if kind in configuration}
    kept = [one for one in known.get("TopicConfigurations", []) if one.get("Id") != NOTIFICATION]
    return {**known, "TopicConfigurations": [*kept, {"Id": NOTIFICATION, "TopicArn": topic, "Events": list(events)}]}
