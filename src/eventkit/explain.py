"""What an app would do with an event, and why, without doing it.

::

    print(app.explain(event))

Names of resources, kinds of events and the conditions that a route was declared with are told; what the event carries
is not.
"""

from collections.abc import Sequence
from enum import Enum

from eventkit.app import App, Route
from eventkit.decode import Ordering, Record, decode
from eventkit.dispatch import REJECTED_UNMATCHED
from eventkit.errors import DecodeError
from eventkit.events import AwsEvent, TestEvent
from eventkit.names import Names
from eventkit.routing import verdict
from eventkit.sources import SKIPPED, Selector
from eventkit.validation import name_of
from eventkit.values import Value

__all__ = ["EventExplanation", "Explanation", "RecordExplanation", "RouteExplanation", "Verdict", "explain"]


class Verdict(Enum):
    """What a route does with an event."""

    TAKES = "takes it"
    PASSES = "does not take it"
    REJECTS = "rejects it"
    FAILS = "cannot read it"


class RouteExplanation(Value):
    """What one route does with an event, with a reason for each of its selectors."""

    route: str
    verdict: Verdict
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.route} {self.verdict.value}: {'; '.join(self.reasons)}"

    def to_dict(self) -> dict[str, object]:
        """The explanation as JSON values."""
        return {"route": self.route, "verdict": self.verdict.name.lower(), "reasons": list(self.reasons)}


class EventExplanation(Value):
    """One event that a record holds: its kind, the way it came, what each route does, and what becomes of it."""

    kind: str
    path: tuple[str, ...]
    routes: tuple[RouteExplanation, ...]
    result: str

    def __str__(self) -> str:
        lines = [f"{' → '.join(self.path)}: {self.kind}", *(f"  {route}" for route in self.routes), f"  {self.result}"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """The explanation as JSON values."""
        routes = [route.to_dict() for route in self.routes]
        return {"kind": self.kind, "path": list(self.path), "routes": routes, "result": self.result}


class RecordExplanation(Value):
    """One record: the events in it, or why it cannot be decoded."""

    id: str | None
    events: tuple[EventExplanation, ...]
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"it cannot be decoded, so it is rejected: {self.error}"
        return "\n".join(map(str, self.events)) or "it holds no event, so it is done"

    def to_dict(self) -> dict[str, object]:
        """The explanation as JSON values."""
        return {"id": self.id, "error": self.error, "events": [event.to_dict() for event in self.events]}


class Explanation(Value):
    """What an app does with an event; `error` says why the whole of it is none."""

    app: str
    records: tuple[RecordExplanation, ...]
    ordering: Ordering = Ordering.NONE
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return self.error
        count = len(self.records)
        head = f"{count} record{'s' * (count != 1)} for the app {self.app!r}{_ORDERS[self.ordering]}"
        return "\n\n".join([head, *(_numbered(at, record) for at, record in enumerate(self.records, 1))])

    def to_dict(self) -> dict[str, object]:
        """The explanation as JSON values."""
        return {
            "app": self.app,
            "ordering": self.ordering.value,
            "error": self.error,
            "records": [record.to_dict() for record in self.records],
        }


_ORDERS = {
    Ordering.NONE: "",
    Ordering.GROUP: ", in order within each message group",
    Ordering.SHARD: ", in order",
}


def _numbered(number: int, record: RecordExplanation) -> str:
    identity = f" ({record.id})" if record.id else ""
    return "\n".join([f"record {number}{identity}", *(f"  {line}" for line in str(record).splitlines())])


def explain(app: App, event: object, names: Names | None = None) -> Explanation:
    """What the app does with an event, as parsed JSON, and why. `names` are by default what the app itself says."""
    try:
        batch = decode(event)
    except DecodeError as error:
        return Explanation(app.name, (), error=str(error))
    known = names or Names(app.name)
    return Explanation(app.name, tuple(_record(app, record, known) for record in batch.records), batch.ordering)


def _record(app: App, record: Record, names: Names) -> RecordExplanation:
    if record.error is not None:
        return RecordExplanation(record.id, (), str(record.error))
    return RecordExplanation(record.id, tuple(_event(app, event, names) for event in record.events))


def _event(app: App, event: AwsEvent, names: Names) -> EventExplanation:
    routes = tuple(_route(route, event, names) for route in app.routes())
    return EventExplanation(type(event).__name__, event.path, routes, _result(app, event, routes))


def _route(route: Route, event: AwsEvent, names: Names) -> RouteExplanation:
    """The verdict of the selector that does most with the event, and the reasons of those that agree with it."""
    found = [_selector(names, selector, event) for selector in route.source.selectors]
    for chosen in (Verdict.FAILS, Verdict.REJECTS, Verdict.TAKES, Verdict.PASSES):
        reasons = dict.fromkeys(reason for one, reason in found if one is chosen)
        if reasons:
            return RouteExplanation(route.name, chosen, tuple(reasons))
    return RouteExplanation(route.name, Verdict.PASSES, ("it subscribes to nothing",))


def _selector(names: Names, selector: Selector, event: AwsEvent) -> tuple[Verdict, str]:
    try:
        reason = verdict(names, selector, event)
        if reason is not None:
            return Verdict.PASSES, reason
        if selector.read is not None and selector.read(event) is SKIPPED:
            named = selector.resource.type_of(event)
            said = "" if named is None else f", it says it is {named!r}"
            return Verdict.PASSES, f"its message is not {name_of(selector.gives)}{said}"
    except DecodeError as error:
        return Verdict.REJECTS, str(error)
    except Exception as error:  # noqa: BLE001 - a validator of the user may raise anything
        return Verdict.FAILS, f"reading it raises {type(error).__qualname__}, so it is retried"
    return Verdict.TAKES, f"it is {selector}"


def _result(app: App, event: AwsEvent, routes: Sequence[RouteExplanation]) -> str:
    by = {verdict: [route.route for route in routes if route.verdict is verdict] for verdict in Verdict}
    words = {Verdict.TAKES: "goes to", Verdict.REJECTS: "is rejected by", Verdict.FAILS: "is retried because of"}
    parts = [f"{word} {_listed(by[verdict])}" for verdict, word in words.items() if by[verdict]]
    return f"so it {', and '.join(parts)}" if parts else _unwanted(app, event)


def _unwanted(app: App, event: AwsEvent) -> str:
    if isinstance(event, TestEvent):
        return "so it is done: S3 sends this to test a configuration"
    if app.fallback is not None:
        return f"no route takes it, so it goes to {app.fallback.name}, which handles what is unmatched"
    if event.service in REJECTED_UNMATCHED:
        return "no route takes it, so it is rejected: a message is meant for somebody"
    return "no route takes it, so it is ignored, and counted as done"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
