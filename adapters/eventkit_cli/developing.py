"""The whole thing on this machine, for `eventkit dev`."""

import asyncio
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from json import dumps

from eventkit._logic import AllOf, Condition
from eventkit.app import App
from eventkit.buckets import Bucket
from eventkit.conditions import Test
from eventkit.names import Names
from eventkit_cli.loading import Reference, load_app, require_module
from eventkit_cli.outcomes import delivery_parts
from eventkit_cli.running import summary_text
from eventkit_cli.screen import Screen
from eventkit_local.dev import MADE_UP, Aws, Session, account, dev_session, local_aws
from eventkit_local.watch import Seen
from eventkit_poller import run_poller

__all__ = ["Dev", "develop", "example_key"]


@dataclass(frozen=True, slots=True)
class Dev:
    """What is developed. `seconds` bounds it; `real` is for AWS itself, where only `provision` makes anything."""

    reference: Reference
    via: tuple[str, ...] = ()
    seconds: float | None = None
    real: bool = False
    provision: bool = False


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
    made = not dev.real or dev.provision
    session = dev_session(
        app, aws=aws, names=names, observe=observe, progress=lambda line: screen.line(f"  {line}"), provisioned=made
    )
    async with session as ready:
        for line in _introduction(app, ready):
            screen.line(line)
        if dev.seconds is not None:
            asyncio.get_running_loop().call_later(dev.seconds, ready.poller.stop)
        summary = await run_poller(ready.poller)
    screen.line(f"{app.name} has stopped. {summary_text(summary)}")


def _introduction(app: App, session: Session) -> Iterator[str]:
    for resource in session.poller.plan.unsupported:
        yield f"  {resource}: its stream is not polled yet, which a later release will do"
    example = _example(app, session)
    if example is not None:
        yield "\nTry it from another terminal:\n"
        yield f"  {example}\n"
    yield "Deliveries, until Ctrl-C:"


def _example(app: App, session: Session) -> str | None:
    """A command that puts an object into the app's first bucket, or a message into its first queue."""
    if "AWS_ENDPOINT_URL" not in session.aws.environ:
        return None
    sources = [selector for route in app.routes() for selector in route.source.selectors]
    buckets = [selector for selector in sources if isinstance(selector.resource, Bucket)]
    if buckets:
        bucket, key = session.names.name(buckets[0].resource), example_key(buckets[0].condition)
        call = f'boto3.client("s3").put_object(Bucket={dumps(bucket)}, Key={dumps(key)}, Body=b"hello")'
    else:
        queue = session.plan.queues[0].name
        call = f'boto3.resource("sqs").get_queue_by_name(QueueName={dumps(queue)}).send_message(MessageBody="{{}}")'
    environ = session.aws.environ
    # boto3 does not read AWS_REGION, and credentials that are somebody's own stay where they are.
    names = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", *(name for name in MADE_UP if environ[name] == MADE_UP[name]))
    told = [f"{name}={environ[name]}" for name in names]
    return shlex.join([*told, sys.executable, "-c", f"import boto3; {call}"])


def example_key(condition: Condition | None) -> str:
    """A key that meets a condition's prefixes and suffixes."""
    tests = condition.conditions if isinstance(condition, AllOf) else (condition,)
    return f"{_affix(tests, 'prefix')}example{_affix(tests, 'suffix')}"


def _affix(tests: Iterable[Condition | None], operator: str) -> str:
    for test in tests:
        if isinstance(test, Test) and test.field.subject == "key" and test.operator == operator:
            return str(test.operands[0])
    return ""
