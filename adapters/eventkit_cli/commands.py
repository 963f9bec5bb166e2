"""The commands: what they are called and take, and what their help says. What they do is imported when it is done."""

import sys
from json import dumps
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from eventkit_cli.logs import ALONE, SHOWN, Level, LogFormat, configure_logging

if TYPE_CHECKING:
    from eventkit_cli.screen import Screen

__all__ = ["commands"]

HELP = """Write a handler once; run it in AWS Lambda, in a poller and in a test.

MODULE:APP is the app: a module that can be imported from the current directory, and the variable in it. With the app
`app = App("blog")` in blog/app.py:

\b
  eventkit dev blog.app:app                 everything on this machine, without an AWS account
  eventkit routes blog.app:app              what the app takes, and where that comes from
  eventkit explain blog.app:app event.json  what it would do with an event, and why
  eventkit invoke blog.app:app event.json   run its handlers on an event
  eventkit run blog.app:app                 poll its queues in AWS, and read its streams
  eventkit streams blog.app:app             how far its streams are read, and by whom
  eventkit generate ecs blog.app:app        documents that run it elsewhere: Amazon ECS, Kubernetes, Lambda

\b
Exit codes:
  0  fine
  1  the app's own code failed, or `invoke` left a record undone
  2  wrong usage, configuration or declaration
  3  AWS, or what stands for it, refused or could not be reached
"""


class _Commands(TyperGroup):
    """The commands. What `run` takes is found out when it is used: its options are settings, which need imports."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the types are click's, and not exported
        name, command, rest = super().resolve_command(ctx, args)
        if name == "run":
            from eventkit_cli.options import with_settings

            command = with_settings(run_command)
        return name, command, rest


commands: typer.Typer = typer.Typer(
    name="eventkit",
    cls=_Commands,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

AppName = Annotated[str, typer.Argument(metavar="MODULE:APP", help="The app, for instance blog.app:app.")]
EventFile = Annotated[str, typer.Argument(metavar="EVENT", help="A file with an event as JSON; - is standard input.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for a machine.")]
Via = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RESOURCE=sqs:QUEUE",
        help="The queue that brings a bucket's or topic's events, by default <app>-<resource>. May be repeated.",
    ),
]


@commands.command(name="run")
def run_command(
    context: typer.Context,
    app: AppName,
    *,
    via: Via = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew when a file of the app changes: for development.")
    ] = False,
) -> None:
    """Poll the app's queues, and read its streams, until SIGTERM or SIGINT.

    A stop is in good order: handlers that run get some seconds to end, and what was received and not handled is made
    visible again. A second signal cancels them. Each setting is an option or a variable of the environment; the option
    wins.

    \b
      eventkit run blog.app:app
      eventkit run blog.app:app --via photos=sqs:media-events --concurrency 50
      eventkit run blog.app:app --workers 4 --health 0.0.0.0:8080
      eventkit run blog.app:app --leases 'dynamodb://leases?create=true'
      eventkit run blog.app:app --backend 'sqs://?region=eu-west-1' --log-format json
    """  # noqa: D301 - click wants the character
    from os import environ

    from eventkit_cli.loading import Reference, load_named
    from eventkit_cli.options import chosen
    from eventkit_cli.running import Run, run
    from eventkit_cli.settings import read_settings, require_known
    from eventkit_cli.supervising import Service, supervise
    from eventkit_cli.telemetry import write_log

    require_known(environ)
    settings, poller = read_settings(environ, chosen(context.params))
    write_log(settings)
    if settings.workers > 1 or reload:
        supervise(Service(Reference.parse(app), via or (), settings, poller, reload), _screen())
    run(Run(*load_named(app, via or ()), settings, poller), _screen())


@commands.command(name="dev")
def dev_command(
    app: AppName,
    *,
    via: Via = None,
    aws: Annotated[
        bool, typer.Option("--aws", help="Use the account that this environment names, and make nothing in it.")
    ] = False,
    provision: Annotated[
        bool, typer.Option("--provision", help="Make the app's resources even where that is not this machine.")
    ] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.", min=0)] = None,
    leases: Annotated[
        str, typer.Option(metavar="URL", help="Where leases on streams are kept; `eventkit streams` can see a table.")
    ] = "memory://",
    log_level: Annotated[Level, typer.Option(envvar="EVENTKIT_LOG_LEVEL")] = Level.INFO,
) -> None:
    """Run the app with everything that it needs on this machine, and show each delivery.

    It starts an emulator of AWS, makes what the app declares in it, and polls: for each bucket a topic and a queue
    <app>-<bucket>, for each topic a queue <app>-<topic>, for each queue a dead-letter queue, for each table a stream,
    with the first field of the table's model as key, and for what is given up of tables and Kinesis streams a queue
    <app>-failures. Where AWS_ENDPOINT_URL names an emulator on this machine, that one is used. Nothing is kept when it
    ends. The first time takes some ten seconds more.

    \b
      eventkit dev blog.app:app
      AWS_ENDPOINT_URL=http://localhost:4566 eventkit dev blog.app:app
      eventkit dev blog.app:app --aws               the account's own queues; nothing is made
      eventkit dev blog.app:app --aws --provision   the same, and what is missing is made
      eventkit dev blog.app:app --leases 'dynamodb://leases?create=true'
    """  # noqa: D301 - click wants the character
    from eventkit_cli.developing import Dev, develop
    from eventkit_cli.loading import Reference

    configure_logging(LogFormat.TEXT, log_level, without=SHOWN | ALONE)
    develop(Dev(Reference.parse(app), tuple(via or ()), seconds, aws, provision, leases), _screen())


@commands.command(name="generate")
def generate_command(  # noqa: PLR0913 - each is an option of the command
    kind: Annotated[str, typer.Argument(metavar="KIND", help="kubernetes, ecs or mappings.")],
    app: AppName,
    *,
    image: Annotated[str | None, typer.Option(help="The container's image; in a template it may stay open.")] = None,
    output: Annotated[str, typer.Option(metavar="FILE", help="Where to write it; - is standard output.")] = "-",
    via: Via = None,
    region: Annotated[str | None, typer.Option(help="The Region of queues whose address does not say it.")] = None,
    account: Annotated[str | None, typer.Option(help="Likewise, the account.")] = None,
    role: Annotated[str | None, typer.Option(help="The ARN of the IAM role of a pod's service account.")] = None,
    least: Annotated[int, typer.Option(help="Replicas that always run.")] = 1,
    most: Annotated[int, typer.Option(help="Replicas at most.")] = 10,
    backlog: Annotated[int, typer.Option(help="Messages for each slot of a replica that are right.")] = 1,
    cpu: Annotated[float, typer.Option(help="CPUs of a replica.")] = 0.25,
    memory: Annotated[int, typer.Option(help="MiB of a replica.")] = 512,
    port: Annotated[int, typer.Option(help="Where a replica answers /healthz and /readyz.")] = 8080,
    check: Annotated[
        str | None, typer.Option(metavar="FILE", help="Compare mappings with those in the file; - is standard input.")
    ] = None,
) -> None:
    """Write what runs the app elsewhere: Kubernetes with KEDA, a CloudFormation template for Amazon ECS, or mappings.

    Replicas scale by the messages of each queue, visible and in flight. The poller's settings, and the processes of a
    replica, are taken from the environment, as `eventkit run` takes them.

    `mappings` are the parameters, as JSON, that Lambda's event source mappings must have to do what a poller does. With
    --check nothing is written: what `aws lambda list-event-source-mappings` says is compared with them.

    \b
      eventkit generate ecs blog.app:app --region eu-west-1 --account 123456789012
      EVENTKIT_CONCURRENCY=50 eventkit generate kubernetes blog.app:app --image blog:1 --output blog.yaml
      aws lambda list-event-source-mappings | eventkit generate mappings blog.app:app --check -
    """  # noqa: D301 - click wants the character
    from os import environ

    from eventkit_cli.checking import require_right
    from eventkit_cli.loading import load_named
    from eventkit_cli.settings import read_settings, require_known
    from eventkit_deploy import Options, generate

    require_known(environ)
    loaded, names = load_named(app, via or ())
    if check is not None:
        require_right(kind, check, loaded, names)
        _screen().line("The event source mappings are as the app needs them.")
        return
    settings, poller = read_settings(environ, {})
    options = Options(
        app,
        image,
        poller,
        settings.workers,
        least,
        most,
        backlog,
        cpu,
        memory,
        port,
        region,
        account,
        role,
        settings.store,
        settings.leases,
    )
    _write_text(generate(kind, loaded, names, options), output)


@commands.command(name="routes")
def routes_command(app: AppName, *, via: Via = None, as_json: Json = False) -> None:
    """List the app's routes: what each takes, sends to, how it runs, and the queue that brings its events.

    Physical names, from the environment, are in parentheses where they differ.

    \b
      eventkit routes blog.app:app
      EVENTKIT_QUEUE_THUMBNAILS=prod-thumbnails eventkit routes blog.app:app --json
    """  # noqa: D301 - click wants the character
    from eventkit_cli.listing import routes_as_json, show_routes
    from eventkit_cli.loading import load_named

    loaded, names = load_named(app, via or ())
    if as_json:
        _write(routes_as_json(loaded, names))
    else:
        show_routes(_screen(), loaded, names)


@commands.command(name="streams")
def streams_command(
    app: AppName,
    *,
    watch: Annotated[
        bool | None, typer.Option("--watch/--once", help="Look again and again, or once; by default as stdout allows.")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Show names and checkpoints in full.")] = False,
    leases: Annotated[str | None, typer.Option(metavar="URL", help="Where the leases are; or EVENTKIT_LEASES.")] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the streams are; or EVENTKIT_BACKEND.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the shards of the app's tables and Kinesis streams: who reads them, and how far that has come.

    On a terminal it looks every two seconds until Ctrl-C, elsewhere once. It reads the listing of shards and the leases
    that the app's pollers share, and changes nothing.

    \b
      eventkit streams blog.app:app --leases dynamodb://leases
      EVENTKIT_LEASES=dynamodb://leases eventkit streams blog.app:app --once --json
    """  # noqa: D301 - click wants the character
    from os import environ

    from eventkit_cli.loading import load_named
    from eventkit_cli.settings import read_settings, require_known
    from eventkit_cli.watching import Looking, watch_streams

    require_known(environ)
    chosen = {name: url for name, url in (("leases", leases), ("backend", backend)) if url is not None}
    settings, poller = read_settings(environ, chosen)
    looking = Looking(*load_named(app), settings, poller.failover, watch, wide, as_json)
    watch_streams(looking, _screen())


@commands.command(name="invoke")
def invoke_command(app: AppName, event: EventFile, *, as_json: Json = False) -> None:
    """Run the app's handlers on an event, as Lambda would, and show what came of each record.

    The app's lifespan and handlers run for real, with the clients that they make. What they publish is shown instead of
    sent, and no message is deleted or delayed. The exit code is 1 where a record is to be retried or was rejected.

    \b
      eventkit invoke blog.app:app event.json
      generate-event | eventkit invoke blog.app:app - --json
    """  # noqa: D301 - click wants the character
    from asyncio import run

    from eventkit_cli.failures import FAILED
    from eventkit_cli.invoking import invocation_as_json, invoke, read_event, show_invocation
    from eventkit_cli.loading import load_named

    configure_logging(LogFormat.TEXT, Level.WARNING, without=SHOWN)
    content = read_event(event)
    loaded, names = load_named(app)
    invocation = run(invoke(loaded, content, names))
    if as_json:
        _write(invocation_as_json(invocation))
    else:
        show_invocation(_screen(), invocation)
    raise typer.Exit(0 if invocation.is_done else FAILED)


@commands.command(name="explain")
def explain_command(app: AppName, event: EventFile, *, as_json: Json = False) -> None:
    """Say what the app would do with an event, and why; nothing is run.

    For each event in each record: the way it came, and for each route whether it takes the event and why. What the
    event carries is not shown.

    \b
      eventkit explain blog.app:app event.json
      generate-event | eventkit explain blog.app:app -
    """  # noqa: D301 - click wants the character
    from eventkit_cli.failures import FAILED
    from eventkit_cli.invoking import read_event
    from eventkit_cli.loading import load_named

    content = read_event(event)
    loaded, names = load_named(app)
    explanation = loaded.explain(content, names)
    if as_json:
        _write(explanation.to_dict())
    else:
        for line in str(explanation).splitlines():
            _screen().line(line)
    raise typer.Exit(0 if explanation.error is None else FAILED)


def _screen() -> "Screen":
    from eventkit_cli.screen import Screen

    return Screen(sys.stdout)


def _write(value: object) -> None:
    sys.stdout.write(dumps(value, indent=2) + "\n")


def _write_text(text: str, output: str) -> None:
    if output == "-":
        sys.stdout.write(text)
    else:
        from pathlib import Path

        Path(output).write_text(text, "utf-8")
