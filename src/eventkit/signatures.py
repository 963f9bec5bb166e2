"""What functions want, read from their signatures once, when they are registered."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from inspect import Parameter, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature, unwrap
from typing import Annotated, Any, Literal, cast, get_args, get_origin, get_type_hints

from eventkit.delivery import Delivery
from eventkit.errors import InjectionError, RouteError
from eventkit.publish import Sender, To
from eventkit.values import Value

__all__ = [
    "Depends",
    "FromDelivery",
    "FromState",
    "Provider",
    "Signature",
    "check_dependencies",
    "read_dependency",
    "read_signature",
    "sent_to",
    "wanted_states",
]


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


def sent_to(signature: Signature) -> Iterator[object]:
    """The destinations of the senders that a function, or what it depends on, is given."""
    for provider in signature.providers.values():
        match provider:
            case To(destination):
                yield destination
            case Depends(function):
                yield from sent_to(read_dependency(function))
            case _:
                pass
