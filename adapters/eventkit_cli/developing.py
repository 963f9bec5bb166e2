"""The whole thing on this machine, for `eventkit dev`."""

import asyncio
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import cast

from eventkit._logic import AllOf, Condition
from eventkit.app import App
from eventkit.buckets import Bucket
from eventkit.conditions import Test
from eventkit.errors import ConfigurationError
from eventkit.names import Names
from eventkit_cli.loading import Reference, load_app, load_beside, require_module
from eventkit_cli.outcomes import delivery_parts
from eventkit_cli.running import summary_text
from eventkit_cli.screen import Screen
from eventkit_local.dev import MADE_UP, Aws, Session, account, dev_session, local_aws
from eventkit_local.services import Services, no_services
from eventkit_local.watch import Seen
from eventkit_poller import run_poller

__all__ = ["Dev", "develop", "example_key"]


@dataclass(frozen=True, slots=True)
class Dev:
    """What is developed. `seconds` bounds it; `real` is for AWS itself, where only `provision` makes anything.

    `leases` is the URL of the store of leases on streams.
    """

    reference: Reference
    via: tuple[str, ...] = ()
    seconds: float | None = None
    real: bool = False
    provision: bool = False
    leases: str = "memory://"


def develop(dev: Dev, screen: Screen) -> None:
    """Run the app until SIGINT or SIGTERM, or for so many seconds, and show its deliveries."""
    require_module(dev.reference)
    # The app's module is imported when its environment points to the emulator, so that clients it makes go there.
    with _aws(dev, screen) as aws:
        app = load_app(dev.reference)
        asyncio.run(_develop(dev, app, aws, screen))


def _aws(dev: Dev, screen: Screen) -> AbstractContextManager[Aws]:
    if dev.real:
        return nullcontext(account(anywhere=dev.provision))
    return local_aws(screen.line, anywhere=dev.provision)


async def _develop(dev: Dev, app: App, aws: Aws, screen: Screen) -> None:
    sources = (selector.resource for route in app.routes() for selector in route.source.selectors)
    names = Names.from_environ(app.name, os.environ).with_via(dev.via, sources)

    def observe(seen: Seen) -> None:
        screen.line((f"{datetime.now().astimezone():%H:%M:%S}  ", "dim"), *delivery_parts(seen))

    screen.line(("AWS", "bold"), f" at {aws.endpoint_url}" if aws.endpoint_url else ": this environment's account")
    session = dev_session(
        app,
        aws=aws,
        names=names,
        observe=observe,
        progress=lambda line: screen.line(f"  {line}"),
        provisioned=not dev.real or dev.provision,
        leases=dev.leases,
    )
    services = no_services if dev.real else _services(dev.reference)
    async with session as ready, services(ready) as addresses:
        for line in (*_addresses(addresses), *_introduction(app, ready)):
            screen.line(line)
        if dev.seconds is not None:
            asyncio.get_running_loop().call_later(dev.seconds, ready.poller.stop)
        summary = await run_poller(ready.poller)
    screen.line(f"{app.name} has stopped. {summary_text(summary)}")


def _services(reference: Reference) -> Services:
    """What the module `dev` beside the app's opens; see `eventkit_local.services`."""
    found = load_beside(reference, "services")
    if found is None:
        return no_services
    if not callable(found):
        raise ConfigurationError(f"services in the module dev beside {reference.module} is no function of a session")
    return cast("Services", found)


def _addresses(addresses: Mapping[str, str]) -> Iterator[str]:
    width = max(map(len, addresses), default=0)
    if addresses:
        yield ""
    for name, url in addresses.items():
        yield f"  {name:<{width}}  {url}"


def _introduction(app: App, session: Session) -> Iterator[str]:
    example = _example(app, session)
    if example is not None:
        yield "\nTry it from another terminal:\n"
        yield f"  {example}\n"
    yield "Deliveries, until Ctrl-C:"


def _example(app: App, session: Session) -> str | None:
    """A command that gives the app its first event: an object, a message, an item or a record."""
    if "AWS_ENDPOINT_URL" not in session.aws.environ:
        return None
    environ = session.aws.environ
    # boto3 does not read AWS_REGION, and credentials that are somebody's own stay where they are.
    names = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", *(name for name in MADE_UP if environ[name] == MADE_UP[name]))
    told = [f"{name}={environ[name]}" for name in names]
    return shlex.join([*told, sys.executable, "-c", f"import boto3; {_call(app, session)}"])


def _call(app: App, session: Session) -> str:
    """The call of boto3 that does so. What the app's model says of an item, message or record is not known here."""
    sources = [selector for route in app.routes() for selector in route.source.selectors]
    plan = session.plan
    for selector in sources:
        if isinstance(selector.resource, Bucket):
            bucket, key = session.names.name(selector.resource), example_key(selector.condition)
            return f'boto3.client("s3").put_object(Bucket={dumps(bucket)}, Key={dumps(key)}, Body=b"hello")'
    if session.poller.plan.queues:
        queue = dumps(plan.queues[0].name)
        return f'boto3.resource("sqs").get_queue_by_name(QueueName={queue}).send_message(MessageBody="{{}}")'
    if plan.tables:
        table = plan.tables[0]
        item = {table.key: {table.key_type: "1"}, **({table.sort_key: {"S": "1"}} if table.sort_key else {})}
        return f'boto3.client("dynamodb").put_item(TableName={dumps(table.name)}, Item={dumps(item)})'
    stream = dumps(plan.streams[0].name)
    return f'boto3.client("kinesis").put_record(StreamName={stream}, PartitionKey="1", Data=b"{{}}")'


def example_key(condition: Condition | None) -> str:
    """A key that meets a condition's prefixes and suffixes."""
    tests = condition.conditions if isinstance(condition, AllOf) else (condition,)
    return f"{_affix(tests, 'prefix')}example{_affix(tests, 'suffix')}"


def _affix(tests: Iterable[Condition | None], operator: str) -> str:
    for test in tests:
        if isinstance(test, Test) and test.field.subject == "key" and test.operator == operator:
            return str(test.operands[0])
    return ""
