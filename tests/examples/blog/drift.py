"""Whether a template makes what an app declares: every difference is a sentence.

The app says what it needs by itself (`eventkit_local.plan.plan_of`, which `eventkit dev` provisions by, and
`eventkit_deploy.mappings_of`). It is asked with the names that the function's environment gives it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eventkit import App, Bucket, Names
from eventkit._logic import AllOf, Condition
from eventkit.conditions import Test
from eventkit.names import ON_FAILURE, PREFIX, name_in, variable_of
from eventkit.resources import Resource as Declared
from eventkit.stores import STORE
from eventkit_deploy import faults_of, mappings_of
from eventkit_lambda.handler import MARGIN
from eventkit_local.plan import TIMEOUTS, Plan, TablePlan, plan_of
from tests.examples.blog.cloudformation import Fields, Resource, Stack

__all__ = ["faults"]

FUNCTION = "Function"
MAPPING = "AWS::Lambda::EventSourceMapping"
OWN = re.compile(r"\bBLOG_[A-Z_]+\b")
"""The environment variables that are the blog's own."""

ITEMS: Mapping[str, object] = {"key": [("id", "S")], "expires by": "ttl"}
"""What `eventkit_aws.idempotency` wants its table to be."""


def faults(stack: Stack, app: App, sources: Iterable[Path]) -> list[str]:
    """What is not as the app has it. `sources` are the app's, for the environment variables of its own."""
    names = Names.from_environ(app.name, _environment(stack))
    plan = plan_of(app, names)
    return [
        *_differences("", _declared(app, plan), _made(stack)),
        *_differences("environment: ", *_variables(stack, app, sources)),
        *_timing(stack, app, plan),
        *_mapping(stack, app, names),
        *_remembering(stack),
    ]


def _differences(where: str, wanted: Mapping[str, object], found: Mapping[str, object]) -> Iterator[str]:
    for name in dict.fromkeys([*wanted, *found]):
        if wanted.get(name) != found.get(name):
            yield f"{where}{name}: the app has {wanted.get(name)}, the template {found.get(name)}"


def _environment(stack: Stack) -> dict[str, str]:
    variables: dict[str, str] = stack[FUNCTION].properties["Environment"]["Variables"]
    return variables


# What there is


def _declared(app: App, plan: Plan) -> dict[str, object]:
    carriers = {one.topic: (one.queue, one.raw) for one in plan.subscriptions}
    return {
        **{f"queue {one.name}": (one.dead_letter, one.max_receives) for one in plan.queues},
        **{
            f"bucket {one.name}": (sorted(one.events), _prefixes(app), carriers[one.topic])  # the app has one bucket
            for one in plan.buckets
        },
        **{f"table {one.name}": _table(one) for one in plan.tables},
        "what takes changes that are given up": plan.on_failure and plan.on_failure[1],
    }


def _made(stack: Stack) -> dict[str, object]:
    streams = [one for one in stack.of_type("AWS::DynamoDB::GlobalTable") if "StreamSpecification" in one.properties]
    return {
        **{f"queue {one.name}": _redrive(one) for one in _fed(stack)},
        **{
            f"bucket {one.name}": _notifications(stack, one)
            for one in stack.of_type("AWS::S3::Bucket")
            if "NotificationConfiguration" in one.properties
        },
        **{f"table {one.name}": _table_made(one) for one in streams},
        "what takes changes that are given up": next(map(name_in, _destinations(stack)), None),
    }


def _fed(stack: Stack) -> list[Resource]:
    """The queues that somebody puts messages into, apart from those that take what failed."""
    failed = [
        *_destinations(stack),
        *(one.properties.get("RedrivePolicy", {}).get("deadLetterTargetArn") for one in _queues(stack)),
    ]
    return [one for one in _queues(stack) if one.arn not in failed]


def _queues(stack: Stack) -> list[Resource]:
    return stack.of_type("AWS::SQS::Queue")


def _destinations(stack: Stack) -> list[str]:
    given = (one.properties.get("DestinationConfig", {}) for one in stack.of_type(MAPPING))
    return [one["OnFailure"]["Destination"] for one in given if one]


def _redrive(queue: Resource) -> tuple[str, int] | None:
    policy = queue.properties.get("RedrivePolicy")
    return policy and (name_in(policy["deadLetterTargetArn"]), policy["maxReceiveCount"])


def _notifications(stack: Stack, bucket: Resource) -> object:
    """The events, the prefixes of the keys, and the queue that they reach by their topic."""
    found: list[Fields] = bucket.properties["NotificationConfiguration"].get("TopicConfigurations", [])
    rules = [rule for one in found for rule in one.get("Filter", {}).get("S3Key", {}).get("Rules", ())]
    prefixes = [one["Value"] if one["Name"] == "prefix" else f"{one['Name']} {one['Value']}" for one in rules]
    queues = [
        (name_in(one.properties["Endpoint"]), one.properties.get("RawMessageDelivery", False))
        for one in stack.of_type("AWS::SNS::Subscription")
        if one.properties["TopicArn"] in [configuration["Topic"] for configuration in found]
        and one.properties["Protocol"] == "sqs"
    ]
    return sorted(one["Event"] for one in found), sorted(prefixes), *queues


def _prefixes(app: App) -> list[str]:
    """The prefixes of the keys that the app wants of its bucket."""
    conditions = (
        selector.condition
        for route in app.routes()
        for selector in route.source.selectors
        if isinstance(selector.resource, Bucket)
    )
    return sorted({prefix for condition in conditions for prefix in _prefixes_in(condition)})


def _prefixes_in(condition: Condition | None) -> Iterator[str]:
    match condition:
        case AllOf(conditions=conditions):
            for one in conditions:
                yield from _prefixes_in(one)
        case Test(operator="prefix", operands=operands):
            yield from operands
        case _:
            return


def _table(plan: TablePlan) -> object:
    keys = [(plan.key, plan.key_type), *([(plan.sort_key, "S")] if plan.sort_key else [])]
    indexes = {one.name: ([*one.keys], sorted(one.carried)) for one in plan.indexes}
    return {"key": keys, "indexes": indexes, "view": "NEW_AND_OLD_IMAGES"}


def _table_made(table: Resource) -> object:
    indexes = {
        one["IndexName"]: (_keys(table, one), sorted(one["Projection"].get("NonKeyAttributes", ())))
        for one in table.properties.get("GlobalSecondaryIndexes", ())
    }
    view = table.properties["StreamSpecification"]["StreamViewType"]
    return {"key": _keys(table, table.properties), "indexes": indexes, "view": view}


def _keys(table: Resource, of: Fields) -> list[tuple[str, str]]:
    types = {one["AttributeName"]: one["AttributeType"] for one in table.properties["AttributeDefinitions"]}
    parts: list[Fields] = sorted(of["KeySchema"], key=lambda one: str(one["KeyType"]))  # HASH, then RANGE
    return [(one["AttributeName"], types[one["AttributeName"]]) for one in parts]


# What the function is told


def _variables(stack: Stack, app: App, sources: Iterable[Path]) -> tuple[dict[str, object], dict[str, object]]:
    """The environment variables that the app reads, and those that the function has."""
    own = {name for file in sources for name in OWN.findall(file.read_text("utf-8"))}
    wanted = {*map(variable_of, _resources(app)), *_carriers(app), *_stores(app), ON_FAILURE, *own}
    return dict.fromkeys(sorted(wanted), "it"), dict.fromkeys(_environment(stack), "it")


def _resources(app: App) -> set[Declared]:
    taken = {selector.resource for route in app.routes() for selector in route.source.selectors}
    return taken | set(app.destinations())


def _carriers(app: App) -> Iterator[str]:
    for one in _resources(app):
        if isinstance(one, Bucket):
            yield f"{PREFIX}VIA_{variable_of(one).removeprefix(f'{PREFIX}BUCKET_')}"


def _stores(app: App) -> Iterator[str]:
    if any(route.options.idempotent for route in app.routes()):
        yield STORE


# What must fit together


def _timing(stack: Stack, app: App, plan: Plan) -> Iterator[str]:
    timeout: int = stack[FUNCTION].properties["Timeout"]
    longest = max((route.options.timeout or 0.0 for route in app.routes()), default=0.0)
    if timeout < longest + MARGIN:
        yield f"the function has {timeout} s, and a handler {longest:g}"
    queues = {one.name: one.properties for one in _queues(stack)}
    for queue in plan.queues:
        made = queues.get(queue.name, {})
        least = max(queue.visibility, TIMEOUTS * timeout)
        if made.get("VisibilityTimeout", 30) < least:
            yield f"queue {queue.name}: its visibility timeout must be at least {least} s"
        kept = queues.get(queue.dead_letter, {}).get("MessageRetentionPeriod", 0)
        if kept <= made.get("MessageRetentionPeriod", 345_600):  # the age goes on in the dead-letter queue
            yield f"queue {queue.dead_letter}: dead letters must be kept for longer than the messages of {queue.name}"


def _mapping(stack: Stack, app: App, names: Names) -> Iterator[str]:
    mappings = [one.properties for one in stack.of_type(MAPPING)]
    yield from faults_of(app, names, {"EventSourceMappings": mappings})
    found = {f"{_kind(one['EventSourceArn'])}:{name_in(one['EventSourceArn'])}" for one in mappings}
    wanted = mappings_of(app, names).keys()
    missing = (key for key in wanted - found if key.startswith("queue:"))  # `faults_of` says it of tables
    yield from (f"{key}: there is no mapping" for key in missing)
    yield from (f"{key}: there is a mapping, and the app takes nothing of it" for key in found - wanted)
    for one in mappings:
        if one["FunctionName"] != stack[FUNCTION].name or not one.get("Enabled", True):
            yield f"{one['EventSourceArn']}: its mapping leads to no function"
        if "FilterCriteria" in one:  # what a mapping filters out, no route is asked about
            yield f"{one['EventSourceArn']}: its mapping filters, which is the app's to do"


def _kind(arn: Any) -> str:  # noqa: ANN401 - parsed YAML
    return {"sqs": "queue", "dynamodb": "table"}[str(arn).split(":")[2]]


def _remembering(stack: Stack) -> Iterator[str]:
    """The store's table, where the function is told of one."""
    url = _environment(stack).get(STORE)
    if url is None:
        return
    tables = {one.name: one for one in stack.of_type("AWS::DynamoDB::Table")}
    table = tables.get(urlsplit(url).netloc)
    made = None if table is None else _items(table)
    if made != ITEMS or urlsplit(url).scheme != "dynamodb+boto3":
        yield f"the store {url}: it must be {ITEMS}, and is {made}"


def _items(table: Resource) -> Mapping[str, object]:
    expiry = table.properties.get("TimeToLiveSpecification", {})
    return {"key": _keys(table, table.properties), "expires by": expiry.get("Enabled") and expiry["AttributeName"]}
