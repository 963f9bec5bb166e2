"""Whether one annotation takes what another gives: the static check's rules, again at import time.

Only what is certain is refused: type variables, protocols and the like are left to the type checkers.
"""

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NewType, ParamSpec, Protocol, TypeVar, Union, cast, get_args, get_origin

__all__ = ["accepts", "published"]


def accepts(wanted: object, given: object) -> bool:
    """Whether a parameter annotated `wanted` may be given every value of the type `given`."""
    wanted, given = _plain(wanted), _plain(given)
    if wanted is Any or wanted is object or given is Any or isinstance(wanted, TypeVar | ParamSpec | str):
        return True
    if _is_union(given):
        return all(accepts(wanted, member) for member in get_args(given))
    if _is_union(wanted):
        return any(accepts(member, given) for member in get_args(wanted))
    if get_origin(given) is Literal and get_origin(wanted) is not Literal:
        return all(accepts(wanted, type(value)) for value in cast("tuple[object, ...]", get_args(given)))
    if isinstance(given, NewType) and wanted is not given:
        return accepts(wanted, given.__supertype__)
    return _class_accepts(wanted, given)


def _class_accepts(wanted: object, given: object) -> bool:
    wanted_class, given_class = get_origin(wanted) or wanted, get_origin(given) or given
    if not (isinstance(wanted_class, type) and isinstance(given_class, type)):
        return wanted == given or not isinstance(wanted_class, type | types.NoneType)
    if getattr(wanted_class, "_is_protocol", False) or wanted_class is Protocol:
        return True
    if wanted_class is not given_class:
        return _is_subclass(given_class, wanted_class)
    pairs = zip(get_args(wanted), get_args(given), strict=False)
    return all(accepts(mine, theirs) for mine, theirs in pairs)


def _is_subclass(given: type, wanted: type) -> bool:
    try:
        return issubclass(given, (wanted, *_PROMOTED.get(wanted, ())))
    except TypeError:  # a TypedDict cannot be asked
        return True


_PROMOTED: Mapping[type, tuple[type, ...]] = {float: (int,), complex: (int, float)}
"""What a parameter takes besides its class ("Special cases for float and complex" in the typing specification)."""


def published(returned: object) -> object:
    """What is published when a function returns this: the members of a union without None, and of sequences."""
    returned = _plain(returned)
    if _is_union(returned):
        members = [published(member) for member in get_args(returned) if member is not types.NoneType]
        return Union[tuple(members)] if members else None  # noqa: UP007 - made at run time
    origin = get_origin(returned)
    if isinstance(origin, type) and issubclass(origin, Sequence) and get_args(returned):
        return get_args(returned)[0]
    return returned


def _plain(annotation: object) -> Any:  # noqa: ANN401 - a type, which no annotation of Python describes
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    value = getattr(annotation, "__value__", None)  # a `type X = …` alias
    if value is not None and type(annotation).__name__ == "TypeAliasType":
        return _plain(value)
    return annotation


def _is_union(annotation: object) -> bool:
    return get_origin(annotation) in {Union, types.UnionType}
