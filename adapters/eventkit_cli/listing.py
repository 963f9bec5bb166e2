"""An app's routes, for `eventkit routes`."""

from collections.abc import Sequence
from typing import Any

from eventkit.app import App, Route
from eventkit.names import Names, name_in
from eventkit.resources import Resource, Streamed
from eventkit.sources import Selector
from eventkit.stream_options import StreamOptions
from eventkit_cli.screen import Part, Screen

__all__ = ["routes_as_json", "show_routes"]

HEADINGS = ("route", "takes", "sends to", "runs", "polled from")


def show_routes(screen: Screen, app: App, names: Names) -> None:
    """Write a table of the app's routes."""
    rows = [_cells(route, names) for route in app.routes()]
    if app.fallback is not None:
        rows.append(([app.fallback.name], ["what no other route takes"], [], [], []))
    if not rows:
        screen.line(f"The app {app.name!r} has no routes.")
        return
    columns = list(zip([[heading] for heading in HEADINGS], *rows, strict=True))
    widths = [max(len(line) for cell in column for line in cell or [""]) for column in columns]
    screen.line(*_line(HEADINGS, widths, "bold"))
    for row in rows:
        for at in range(max(map(len, row))):
            screen.line(*_line([cell[at] if at < len(cell) else "" for cell in row], widths, ""))


def _line(texts: Sequence[str], widths: Sequence[int], style: str) -> list[Part]:
    padded = [text.ljust(width) for text, width in zip(texts, widths, strict=True)]
    return [("  ".join(padded).rstrip(), style)]


def _cells(route: Route, names: Names) -> tuple[list[str], ...]:
    """The table's cells of a route, each with its lines."""
    selectors = route.source.selectors
    to = [_named(resource, names) for resource in _destination(route)]
    polled = [_carrier(selector.resource, names) for selector in selectors]
    return [route.name], [_taken(selector, names) for selector in selectors], to, _options(route), polled


def _destination(route: Route) -> list[Resource]:
    """Where what the handler returns is sent, if anywhere."""
    to: object = route.to
    return [to] if isinstance(to, Resource) else []


def _taken(selector: Selector, names: Names) -> str:
    kinds = " or ".join(event.__name__ for event in selector.events)
    condition = f" where {selector.condition}" if selector.condition else ""
    return f"{kinds} of {_named(selector.resource, names)}{condition}"


def _named(resource: Resource, names: Names) -> str:
    """The resource, with its physical name where that is another."""
    physical = names.name(resource)
    return f"{resource.kind} {resource.name}" + (f" ({physical})" if physical != resource.name else "")


def _carrier(resource: Resource, names: Names) -> str:
    if not isinstance(resource, Streamed):
        return f"queue {name_in(names.carrier(resource))}"
    return f"its {'stream' if resource.kind == 'table' else 'shards'}{_chosen(resource.stream)}"


def _chosen(options: StreamOptions) -> str:
    """What was chosen about a stream that is not the default."""
    usual = StreamOptions()
    chosen = {name: value for name, value in vars(options).items() if value != getattr(usual, name)}
    return f" ({', '.join(f'{name} {value}' for name, value in chosen.items())})" if chosen else ""


def _options(route: Route) -> list[str]:
    retry, options = route.options.retry, route.options
    lines = [f"retry {retry.base:g} to {retry.cap:g} s"]
    if options.timeout is not None:
        lines.append(f"timeout {options.timeout:g} s")
    if options.concurrency is not None:
        lines.append(f"{options.concurrency} at once")
    return lines


def routes_as_json(app: App, names: Names) -> dict[str, Any]:
    """The same for a machine."""
    fallback = None if app.fallback is None else app.fallback.name
    return {"app": app.name, "routes": [_route(route, names) for route in app.routes()], "unmatched": fallback}


def _route(route: Route, names: Names) -> dict[str, object]:
    retry = route.options.retry
    return {
        "name": route.name,
        "handler": f"{route.handler.__module__}:{route.signature.name}",
        "sources": [_source(selector, names) for selector in route.source.selectors],
        "to": next((_resource(resource, names) for resource in _destination(route)), None),
        "retry": {"base": retry.base, "cap": retry.cap, "factor": retry.factor},
        "timeout": route.options.timeout,
        "concurrency": route.options.concurrency,
    }


def _source(selector: Selector, names: Names) -> dict[str, object]:
    resource = selector.resource
    return {
        **_resource(resource, names),
        "events": [event.__name__ for event in selector.events],
        "condition": str(selector.condition) if selector.condition else None,
        **_fed(resource, names),
    }


def _fed(resource: Resource, names: Names) -> dict[str, object]:
    if isinstance(resource, Streamed):
        return {"queue": None, "stream": {**vars(resource.stream), "ordered_by_key": resource.keyed}}
    return {"queue": names.carrier(resource)}


def _resource(resource: Resource, names: Names) -> dict[str, object]:
    return {"kind": resource.kind, "name": resource.name, "physical": names.name(resource)}
