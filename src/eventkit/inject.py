"""What a handler gets besides its event: dependencies, the delivery, senders, and what the lifespan made.

Signatures are read once, at registration; an `Injector` makes the values, in one runtime. Making them is a generator
that yields what must be awaited, so that the same code serves handlers that run without an event loop.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from inspect import (
    Parameter,
    isasyncgenfunction,
    isawaitable,
    iscoroutinefunction,
    isgeneratorfunction,
    signature,
    unwrap,
)
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from eventkit.delivery import Delivery
from eventkit.errors import InjectionError, RouteError
from eventkit.publish import Sender, To
from eventkit.resources import Destination
from eventkit.validation import name_of
from eventkit.values import Value

__all__ = ["Depends", "Signature", "read_signature"]

T = TypeVar("T")

Making = Generator[Awaitable[Any], Any, T]
"""Something in the making: yields what must be awaited, is sent the result, returns the value."""


class Depends(Value):
    """Marks a parameter that a function provides: `Annotated[Mailer, Depends(mailer)]`.

    `function` may be plain or async, or a generator or context manager whose end runs when the scope ends; its own
    parameters are provided likewise. Scope "delivery" makes the value once per delivery, "app" once per process.
    """

    function: Callable[..., object]
    scope: Literal["delivery", "app"] = "delivery"


class FromState(Value):
    """The value that the lifespan yielded, found by its type."""

    kind: type


class FromDelivery(Value):
    """The delivery itself."""


Provider = Depends | To[Any] | FromState | FromDelivery


class Signature(Value):
    """A function as injection sees it."""

    function: Callable[..., object]
    name: str
    event: object
    """The annotation of the first parameter, for handlers; `Parameter.empty` where there is none."""
    returns: object
    providers: Mapping[str, Provider]

    @property
    def is_async(self) -> bool:
        """Whether calling it gives something to await."""
        return is_async(self.function)

    @property
    def is_manager(self) -> bool:
        """Whether calling it gives a context manager that was made from a generator."""
        generator = unwrap(self.function)
        return isgeneratorfunction(generator) or isasyncgenfunction(generator)


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling the function gives something to await, or an async context manager."""
    call = getattr(function, "__call__", None)  # noqa: B004 - an instance whose class has an async __call__
    return iscoroutinefunction(function) or iscoroutinefunction(call) or isasyncgenfunction(unwrap(function))


def read_signature(function: Callable[..., object], *, takes_event: bool) -> Signature:
    """Find out what the function wants. Raises `RouteError` or `InjectionError`."""
    name = getattr(function, "__qualname__", type(function).__qualname__).replace("<locals>.", "")
    hints = _hints(function, name)
    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise RouteError(f"{name}: its signature cannot be read: {error}") from error
    event: object = Parameter.empty
    if takes_event:
        if not parameters or parameters[0].kind in {Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD}:
            raise RouteError(f"{name} takes no event: its first parameter must be the event")
        event = hints.get(parameters.pop(0).name, Parameter.empty)
    found = ((parameter.name, _provider(name, parameter, hints)) for parameter in parameters)
    providers = {parameter: provider for parameter, provider in found if provider is not None}
    return Signature(function, name, event, hints.get("return", Parameter.empty), providers)


def _hints(function: Callable[..., object], name: str) -> Mapping[str, Any]:
    target = function if hasattr(function, "__code__") or hasattr(function, "__wrapped__") else type(function).__call__
    cells = getattr(function, "__closure__", None) or ()
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    try:
        return get_type_hints(target, localns=dict(zip(names, _contents(cells), strict=False)), include_extras=True)
    except NameError as error:
        raise RouteError(
            f"{name}: the annotation {error.name!r} cannot be found; import it, or define it at module level, where "
            "it is visible at run time"
        ) from error


def _contents(cells: tuple[Any, ...]) -> Iterator[object]:
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:  # the name is not bound yet
            yield None


def _provider(function: str, parameter: Parameter, hints: Mapping[str, Any]) -> Provider | None:
    if parameter.kind in {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}:
        return None
    if parameter.kind is Parameter.POSITIONAL_ONLY:
        raise InjectionError(f"{function}: {parameter.name!r} is positional-only, and injection passes names")
    annotation = hints.get(parameter.name, Parameter.empty)
    marks = [cast("Provider", mark) for mark in get_args(annotation)[1:] if isinstance(mark, Depends | To)]
    if get_origin(annotation) is Annotated and marks:
        return marks[0]
    if annotation is Delivery:
        return FromDelivery()
    if isinstance(parameter.default, Depends | To):
        raise InjectionError(f"{function}: write {parameter.name}: Annotated[…, Depends(…)] or Annotated[…, To(…)]")
    if parameter.default is not Parameter.empty:
        return None
    if isinstance(annotation, type) and annotation not in {Parameter.empty, Sender}:
        return FromState(annotation)
    raise InjectionError(
        f"{function}: nothing provides the parameter {parameter.name!r}; annotate it with Delivery, with the type "
        "that the lifespan yields, or as Annotated[…, Depends(…)] or Annotated[Sender[…], To(…)]"
    )


Overrides = Mapping[Callable[..., object], Callable[..., object]]
"""Dependencies' functions, and what is called instead of each: for tests."""


class Scope:
    """The values made for one delivery, or once for the app, and what ends them."""

    __slots__ = ("delivery", "made", "stack")

    def __init__(self, delivery: Delivery | None, stack: ExitStack | AsyncExitStack) -> None:
        self.delivery = delivery
        self.stack = stack
        self.made: dict[Callable[..., object], object] = {}


class Injector:
    """Makes the values that functions want, in one runtime."""

    def __init__(self, overrides: Overrides, sender: Callable[[Destination[Any]], Sender[Any]]) -> None:
        """`sender` makes the sender for a destination."""
        self._overrides = overrides
        self.sender = sender
        self._state: object = None
        self._signatures: dict[Callable[..., object], Signature] = {}
        self._shared: dict[Callable[..., object], object] = {}

    async def open(self, state: object, signatures: Iterable[Signature], stack: AsyncExitStack) -> None:
        """Take what the lifespan yielded and make the app's shared values; `stack` ends them in reverse order."""
        self._state = state
        scope = Scope(None, stack)
        for wanting in signatures:
            for dependency in self._shared_in(wanting):
                self._shared[dependency.function] = await drive(self._depends(dependency, scope))

    def is_async(self, signature: Signature) -> bool:
        """Whether making the function's values may have to wait."""
        return any(
            provider.function not in self._shared
            and (self._signature(provider.function).is_async or self.is_async(self._signature(provider.function)))
            for provider in signature.providers.values()
            if isinstance(provider, Depends)
        )

    def values(self, signature: Signature, scope: Scope) -> Making[dict[str, object]]:
        """The values of the function's parameters; yields what must be awaited."""
        values: dict[str, object] = {}
        for name, provider in signature.providers.items():
            match provider:
                case FromDelivery():
                    values[name] = scope.delivery
                case Depends():
                    values[name] = yield from self._depends(provider, scope)
                case FromState(kind):
                    values[name] = self._from_state(signature, kind)
                case To(destination):
                    values[name] = self.sender(destination)
        return values

    def _depends(self, dependency: Depends, scope: Scope) -> Making[object]:
        function = dependency.function
        for known in (self._shared, scope.made):
            if function in known:
                return known[function]
        signature = self._signature(function)
        values = yield from self.values(signature, scope)
        value = signature.function(**values)
        if signature.is_manager:
            value = yield from _entered(value, scope.stack)
        elif isawaitable(value):
            value = yield value
        scope.made[function] = value
        return value

    def _from_state(self, signature: Signature, kind: type) -> object:
        if isinstance(self._state, kind):
            return self._state
        raise InjectionError(
            f"{signature.name} wants a {name_of(kind)}, and the lifespan yielded a {name_of(type(self._state))}"
        )

    def _signature(self, function: Callable[..., object]) -> Signature:
        known = self._signatures.get(function)
        if known is None:
            known = read_dependency(self._overrides.get(function, function))
            self._signatures[function] = known
        return known

    def _shared_in(self, signature: Signature) -> Iterator[Depends]:
        for provider in signature.providers.values():
            if isinstance(provider, Depends):
                yield from self._shared_in(self._signature(provider.function))
                if provider.scope == "app":
                    yield provider


def _entered(manager: object, stack: ExitStack | AsyncExitStack) -> Making[object]:
    if isinstance(stack, AsyncExitStack) and isinstance(manager, AbstractAsyncContextManager):
        return (yield stack.enter_async_context(cast("AbstractAsyncContextManager[object]", manager)))
    return stack.enter_context(cast("AbstractContextManager[object]", manager))


async def drive(making: Making[T]) -> T:
    """Run a making on the event loop."""
    try:
        wanted = next(making)
        while True:
            try:
                value = await wanted
            except BaseException as error:  # noqa: BLE001 - handed to the making, which lets it pass
                wanted = making.throw(error)
            else:
                wanted = making.send(value)
    except StopIteration as done:
        return cast("T", done.value)


def drive_inline(making: Making[T]) -> T:
    """Run a making that has nothing to await. Raises `InjectionError` when it has."""
    try:
        next(making)
    except StopIteration as done:
        return cast("T", done.value)
    making.close()
    raise InjectionError("a plain function returned something to await: declare the dependency with async def")


def read_dependency(function: Callable[..., object]) -> Signature:
    """The signature of a dependency; a generator function is taken as a context manager."""
    if isasyncgenfunction(function):
        function = asynccontextmanager(cast("Callable[..., AsyncGenerator[object]]", function))
    elif isgeneratorfunction(function):
        function = contextmanager(cast("Callable[..., Generator[object]]", function))
    return read_signature(function, takes_event=False)


def wanted_states(signature: Signature) -> Iterator[tuple[str, str, type]]:
    """What a function and its dependencies want of the lifespan: whose parameter, its name, its type."""
    for parameter, provider in signature.providers.items():
        match provider:
            case FromState(kind):
                yield signature.name, parameter, kind
            case Depends(function):
                yield from wanted_states(read_dependency(function))
            case _:
                pass


def check_dependencies(signature: Signature, chain: tuple[Callable[..., object], ...] = ()) -> None:
    """Read all dependencies behind a signature. Raises `InjectionError` for a circle, or a scope that is too short."""
    for provider in signature.providers.values():
        if not isinstance(provider, Depends):
            continue
        if provider.function in chain:
            raise InjectionError(f"{signature.name}: its dependencies form a circle")
        inner = read_dependency(provider.function)
        check_dependencies(inner, (*chain, provider.function))
        if provider.scope == "app":
            _check_shared(inner)


def _check_shared(signature: Signature) -> None:
    for name, provider in signature.providers.items():
        if provider == FromDelivery() or (isinstance(provider, Depends) and provider.scope == "delivery"):
            raise InjectionError(
                f"{signature.name} is made once per process, so its parameter {name!r} cannot be made per delivery"
            )
