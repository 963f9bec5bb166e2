"""What a handler gets besides its event: dependencies, the delivery, senders, and what the lifespan made.

Making the values is a generator that yields what must be awaited, so that the same code serves handlers that run
without an event loop.
"""

from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, ExitStack
from inspect import isawaitable
from typing import Any, TypeVar, cast

from eventkit.delivery import Delivery
from eventkit.errors import InjectionError
from eventkit.publish import Sender, To
from eventkit.resources import Destination
from eventkit.signatures import Depends, FromState, Provider, Signature, read_dependency
from eventkit.validation import name_of

__all__ = ["Injector", "Overrides", "Scope", "drive", "drive_inline"]

T = TypeVar("T")

Making = Generator[Awaitable[Any], Any, T]
"""Something in the making: yields what must be awaited, is sent the result, returns the value."""

Overrides = Mapping[Callable[..., object], Callable[..., object]]
"""Dependencies' functions, and what is called instead of each: for tests."""

MakeSender = Callable[[Destination[Any], Delivery | None], Sender[Any]]
"""Makes the sender for a destination, for one who handles a delivery or, in an app's shared values, none."""


class Scope:
    """The values made for one delivery, or once for the app, and what ends them."""

    __slots__ = ("delivery", "made", "stack")

    def __init__(self, delivery: Delivery | None, stack: ExitStack | AsyncExitStack) -> None:
        self.delivery: Delivery | None = delivery
        self.stack: ExitStack | AsyncExitStack = stack
        self.made: dict[Callable[..., object], object] = {}


class Injector:
    """Makes the values that functions want, in one runtime."""

    def __init__(self, overrides: Overrides, sender: MakeSender) -> None:
        """`sender` makes the sender for a destination."""
        self._overrides = overrides
        self.sender: MakeSender = sender
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
            if isinstance(provider, Depends):
                values[name] = yield from self._depends(provider, scope)
            else:
                values[name] = self._ready(signature, provider, scope.delivery)
        return values

    def makes(self, signature: Signature) -> bool:
        """Whether the function has dependencies, whose values must be made for each delivery."""
        return any(isinstance(provider, Depends) for provider in signature.providers.values())

    def ready_values(self, signature: Signature, delivery: Delivery) -> dict[str, object]:
        """The values of the parameters of a function that has no dependencies."""
        return {name: self._ready(signature, provider, delivery) for name, provider in signature.providers.items()}

    def _ready(self, signature: Signature, provider: Provider, delivery: Delivery | None) -> object:
        match provider:
            case FromState(kind):
                return self._from_state(signature, kind)
            case To(destination):
                return self.sender(destination, delivery)
            case _:
                return delivery

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
