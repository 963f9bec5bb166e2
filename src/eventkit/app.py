"""The app: handlers registered for sources, statically typed."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from inspect import Parameter, unwrap
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, get_args, get_type_hints, overload

from eventkit._annotations import accepts, published
from eventkit.errors import RouteError
from eventkit.events import AwsEvent
from eventkit.idempotency import Idempotent
from eventkit.middleware import Middleware
from eventkit.outcomes import Backoff
from eventkit.publish import kind_of
from eventkit.resources import Destination, Resource
from eventkit.signatures import Signature, check_dependencies, read_signature, sent_to, wanted_states
from eventkit.sources import Selection, Source
from eventkit.validation import name_of
from eventkit.values import Value, replace

if TYPE_CHECKING:
    from eventkit.explain import Explanation
    from eventkit.names import Names

__all__ = ["App", "Route", "Router", "Unmatched"]

E = TypeVar("E")
M = TypeVar("M")
P = ParamSpec("P")
R = TypeVar("R")

Lifespan = Callable[["App"], AbstractAsyncContextManager[object]]


class Unmatched(Value):
    """An event that no route took: what `@app.unmatched` handlers get."""

    event: AwsEvent


class Options(Value):
    """How a route's deliveries are run.

    `retry` spaces the attempts after an exception; `timeout` is in seconds; `concurrency` is how many deliveries of
    the route may run at once in one process, or None for what the runtime allows; `idempotent` lets one delivery of
    each key run.
    """

    retry: Backoff = Backoff()
    timeout: float | None = None
    concurrency: int | None = None
    idempotent: Idempotent[Any] | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and self.timeout <= 0:
            raise RouteError(f"timeout={self.timeout!r}: it must be a number of seconds greater than 0, or None")
        if self.concurrency is not None and self.concurrency < 1:
            raise RouteError(f"concurrency={self.concurrency!r}: it must be at least 1, or None")


class Route(Value):
    """One handler with the source that it is registered for."""

    name: str
    source: Source[Any]
    signature: Signature
    options: Options
    to: Destination[Any] | None = None
    middleware: tuple[Middleware, ...] = ()

    @property
    def handler(self) -> Callable[..., object]:
        """The function as it was written."""
        return self.signature.function

    def __str__(self) -> str:
        target = f" to {self.to}" if self.to is not None else ""
        return f"{self.name}: {self.source}{target}"


class Registration(Generic[E]):
    """What `on(source)` returns: a decorator for handlers of the source's events."""

    def __init__(self, add: Callable[[Callable[..., object]], None]) -> None:
        self._add = add

    def __call__(self, handler: Callable[Concatenate[E, P], R]) -> Callable[Concatenate[E, P], R]:
        """Register the handler and return it unchanged. Raises `RouteError` or `InjectionError`."""
        self._add(handler)
        return handler


class PublishingRegistration(Generic[E, M]):
    """What `on(source, to=destination)` returns: a decorator for handlers that return the destination's messages."""

    def __init__(self, add: Callable[[Callable[..., object]], None]) -> None:
        self._add = add

    @overload
    def __call__(
        self, handler: Callable[Concatenate[E, P], Coroutine[Any, Any, M | Sequence[M] | None]]
    ) -> Callable[Concatenate[E, P], Coroutine[Any, Any, M | Sequence[M] | None]]: ...

    @overload
    def __call__(
        self, handler: Callable[Concatenate[E, P], M | Sequence[M] | None]
    ) -> Callable[Concatenate[E, P], M | Sequence[M] | None]: ...

    def __call__(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Register the handler and return it unchanged. Raises `RouteError` or `InjectionError`."""
        self._add(handler)
        return handler


class Router:
    """A collection of routes that an app, or another router, includes."""

    def __init__(self, *, middleware: Sequence[Middleware] = ()) -> None:
        """`middleware` lies around every delivery of these routes, the first one outermost."""
        self._middleware = tuple(middleware)
        self._routes: list[Route] = []

    @overload
    def on(
        self,
        source: Source[E],
        *,
        retry: Backoff | None = None,
        timeout: float | None = None,
        concurrency: int | None = None,
        idempotent: Idempotent[E] | None = None,
        name: str | None = None,
    ) -> Registration[E]: ...

    @overload
    def on(
        self,
        source: Source[E],
        *,
        to: Destination[M],
        retry: Backoff | None = None,
        timeout: float | None = None,
        concurrency: int | None = None,
        idempotent: Idempotent[E] | None = None,
        name: str | None = None,
    ) -> PublishingRegistration[E, M]: ...

    def on(
        self,
        source: Source[Any],
        *,
        to: Destination[Any] | None = None,
        retry: Backoff | None = None,
        timeout: float | None = None,
        concurrency: int | None = None,
        idempotent: Idempotent[Any] | None = None,
        name: str | None = None,
    ) -> Any:
        """Register a handler for a source; it stays a plain function.

        A message that the handler returns is sent `to` the destination before the event is acknowledged; several in
        a list or tuple are all sent, None sends nothing. `retry` spaces the attempts after an exception; `timeout`
        in seconds bounds an attempt; `concurrency` bounds how many run at once; `idempotent` lets the handler run
        once for each key, and needs a store in the runtime; `name` is the handler's own qualified name unless given,
        and must be unique in the app.

        Raises `RouteError` or `InjectionError` where the handler does not fit, at import time.
        """
        options = Options(retry or Backoff(), timeout, concurrency, idempotent)

        def add(handler: Callable[..., object]) -> None:
            signature = read_signature(handler, takes_event=True)
            check_dependencies(signature)
            route = Route(name or signature.name, source, signature, options, to, self._middleware)
            _check_event(route)
            _check_returned(route)
            self._add(route)

        if to is None:
            return Registration[Any](add)
        return PublishingRegistration[Any, Any](add)

    def include(self, router: "Router") -> None:
        """Add the routes that another router has now, inside this one's middleware."""
        for route in router.routes():
            self._add(replace(route, middleware=(*self._middleware, *route.middleware)))

    def routes(self) -> tuple[Route, ...]:
        """The routes, in the order of registration."""
        return tuple(self._routes)

    def _add(self, route: Route) -> None:
        if any(known.name == route.name for known in self._routes):
            raise RouteError(f"there is a route named {route.name!r} already; give one of them another name=…")
        self._routes.append(route)


class App(Router):
    """An app: what runs, unchanged, in Lambda, in a poller and in a test."""

    def __init__(self, name: str, *, lifespan: Lifespan | None = None, middleware: Sequence[Middleware] = ()) -> None:
        """`name` begins the names of the app's own queues.

        `lifespan` runs once per process, around everything; what it yields is injected by its type.
        """
        super().__init__(middleware=middleware)
        self.name = name
        self.lifespan = lifespan
        self._state_type = _yielded(lifespan) if lifespan is not None else None
        self._unmatched: Route | None = None

    @property
    def overrides(self) -> Mapping[Callable[..., object], Callable[..., object]]:
        """Dependencies' functions, and what is called instead of each; `eventkit.testing` has apps with some."""
        return {}

    @property
    def fallback(self) -> Route | None:
        """The route of the `@app.unmatched` handler, if there is one."""
        return self._unmatched

    def destinations(self) -> Sequence[Resource]:
        """The queues and topics that messages are published to: by `to=`, and by senders."""
        routes = (*self.routes(), *([self._unmatched] if self._unmatched else []))
        found = (one for route in routes for one in (route.to, *sent_to(route.signature)))
        return list(dict.fromkeys(one for one in found if isinstance(one, Resource)))

    def unmatched(self, handler: Callable[Concatenate[Unmatched, P], R]) -> Callable[Concatenate[Unmatched, P], R]:
        """Register the handler for events that no route takes; its outcome decides what becomes of them."""
        if self._unmatched is not None:
            raise RouteError(f"{self._unmatched.name} handles unmatched events already")
        signature = read_signature(handler, takes_event=True)
        check_dependencies(signature)
        _expect(signature, Unmatched)
        self._check_states(signature)
        self._unmatched = Route(signature.name, Selection(()), signature, Options(), None, self._middleware)
        return handler

    def explain(self, event: object, names: "Names | None" = None) -> "Explanation":
        """What the app does with an event, as parsed JSON, and why: nothing is run.

        `names` are what its resources are called, by default what the app itself calls them.
        """
        from eventkit.explain import explain  # a tool for people, which no cold start should pay for

        return explain(self, event, names)

    def _add(self, route: Route) -> None:
        self._check_states(route.signature)
        super()._add(route)

    def _check_states(self, signature: Signature) -> None:
        for function, parameter, kind in wanted_states(signature):
            if not self._yields(kind):
                raise RouteError(
                    f"{function}: nothing provides the parameter {parameter!r} of type {name_of(kind)}; "
                    f"the lifespan yields {'nothing' if self.lifespan is None else name_of(self._state_type)}"
                )

    def _yields(self, kind: type) -> bool:
        if self.lifespan is None:
            return False
        return self._state_type is None or accepts(kind, self._state_type)


def _yielded(lifespan: Lifespan) -> object:
    """The type that the lifespan yields, or None where its annotation does not say."""
    try:
        arguments = get_args(get_type_hints(unwrap(lifespan)).get("return"))
    except (NameError, TypeError):
        return None
    return arguments[0] if arguments else None


def _expect(signature: Signature, given: object) -> None:
    if signature.event is not Parameter.empty and not accepts(signature.event, given):
        raise RouteError(f"{signature.name} takes {name_of(signature.event)}, and its source gives {name_of(given)}")


def _check_event(route: Route) -> None:
    for selector in route.source.selectors:
        _expect(route.signature, selector.gives)


def _check_returned(route: Route) -> None:
    if route.to is None:
        return
    kind_of(route.to)
    returned = published(route.signature.returns)
    wanted = route.to.model
    if returned is Parameter.empty:
        return
    if returned is None or not accepts(wanted, returned):
        raise RouteError(f"{route.name} returns {name_of(returned)}, and {route.to} takes {name_of(wanted)}")
