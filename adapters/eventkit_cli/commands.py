"""The commands: what they are called and take, and what their help says. What they do is imported when it is done."""

import sys
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from eventkit_cli.logs import SHOWN, Level, LogFormat, configure_logging

if TYPE_CHECKING:
    from eventkit.app import App
    from eventkit.names import Names
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
  eventkit run blog.app:app                 poll its queues in AWS

\b
Exit codes:
  0  fine
  1  the app's own code failed, or `invoke` left a record undone
  2  wrong usage, configuration or declaration
  3  AWS, or what stands for it, refused or could not be reached
"""

commands: typer.Typer = typer.Typer(
    name="eventkit",
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
def run_command(  # noqa: PLR0913 - each is an option of the command
    app: AppName,
    *,
    backend: Annotated[
        str,
        typer.Option(
            metavar="URL", envvar="EVENTKIT_BACKEND", help="Where the queues are; sqs:// takes ?region= and ?endpoint=."
        ),
    ] = "sqs://",
    via: Via = None,
    concurrency: Annotated[
        int, typer.Option(envvar="EVENTKIT_CONCURRENCY", help="Records that are handled at once, over all queues.")
    ] = 10,
    wait: Annotated[
        float,
        typer.Option(envvar="EVENTKIT_WAIT", help="Seconds, 1 to 20, for which a receive waits; a stop waits, too."),
    ] = 20.0,
    drain: Annotated[
        float, typer.Option(envvar="EVENTKIT_DRAIN", help="Seconds that running handlers get when it stops.")
    ] = 30.0,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="EVENTKIT_LOG_FORMAT", help="auto is text on a terminal, and JSON elsewhere.")
    ] = LogFormat.AUTO,
    log_level: Annotated[Level, typer.Option(envvar="EVENTKIT_LOG_LEVEL")] = Level.INFO,
) -> None:
    """Poll the app's queues until SIGTERM or SIGINT.

    A stop is in good order: handlers that run get some seconds to end, and what was received and not handled is made
    visible again. A second signal cancels them.

    \b
      eventkit run blog.app:app
      eventkit run blog.app:app --via photos=sqs:media-events --concurrency 50
      eventkit run blog.app:app --backend 'sqs://?region=eu-west-1' --log-format json
    """  # noqa: D301 - click wants the character
    from eventkit_cli.running import Run, run
    from eventkit_poller import Settings

    configure_logging(log_format, log_level)
    loaded, names = _load(app, via)
    run(Run(loaded, names, backend, Settings(concurrency=concurrency, wait=wait, drain=drain)), _screen())


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
    log_level: Annotated[Level, typer.Option(envvar="EVENTKIT_LOG_LEVEL")] = Level.INFO,
) -> None:
    """Run the app with everything that it needs on this machine, and show each delivery.

    It starts an emulator of AWS, makes what the app declares in it, and polls: for each bucket a topic and a queue
    <app>-<bucket>, for each topic a queue <app>-<topic>, for each queue a dead-letter queue, for each table a stream,
    with the first field of the table's model as key. Where AWS_ENDPOINT_URL names an emulator on this machine, that
    one is used. Nothing is kept when it ends. The first time takes some ten seconds more.

    \b
      eventkit dev blog.app:app
      AWS_ENDPOINT_URL=http://localhost:4566 eventkit dev blog.app:app
      eventkit dev blog.app:app --aws               the account's own queues; nothing is made
      eventkit dev blog.app:app --aws --provision   the same, and what is missing is made
    """  # noqa: D301 - click wants the character
    from eventkit_cli.developing import Dev, develop
    from eventkit_cli.loading import Reference

    configure_logging(LogFormat.TEXT, log_level, without=SHOWN)
    develop(Dev(Reference.parse(app), tuple(via or ()), seconds, aws, provision), _screen())


@commands.command(name="routes")
def routes_command(app: AppName, *, via: Via = None, as_json: Json = False) -> None:
    """List the app's routes: what each takes, sends to, how it runs, and the queue that brings its events.

    Physical names, from the environment, are in parentheses where they differ.

    \b
      eventkit routes blog.app:app
      EVENTKIT_QUEUE_THUMBNAILS=prod-thumbnails eventkit routes blog.app:app --json
    """  # noqa: D301 - click wants the character
    from eventkit_cli.listing import routes_as_json, show_routes

    loaded, names = _load(app, via)
    if as_json:
        _write(routes_as_json(loaded, names))
    else:
        show_routes(_screen(), loaded, names)


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

    configure_logging(LogFormat.TEXT, Level.WARNING, without=SHOWN)
    content = read_event(event)
    loaded, names = _load(app)
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

    content = read_event(event)
    loaded, names = _load(app)
    explanation = loaded.explain(content, names)
    if as_json:
        _write(explanation.to_dict())
    else:
        for line in str(explanation).splitlines():
            _screen().line(line)
    raise typer.Exit(0 if explanation.error is None else FAILED)


def _load(app: str, via: list[str] | None = None) -> "tuple[App, Names]":
    from os import environ

    from eventkit.names import Names
    from eventkit_cli.loading import Reference, load_app

    loaded = load_app(Reference.parse(app))
    sources = (selector.resource for route in loaded.routes() for selector in route.source.selectors)
    return loaded, Names.from_environ(loaded.name, environ).with_via(via or (), sources)


def _screen() -> "Screen":
    from eventkit_cli.screen import Screen

    return Screen(sys.stdout)


def _write(value: object) -> None:
    sys.stdout.write(dumps(value, indent=2) + "\n")
