"""The operators of Amazon SNS's filter policies, on single values ("Amazon SNS subscription filter policies")."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Any, Literal

__all__ = ["OPERATORS", "Operator", "same"]

Operator = Literal[
    "exact",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "anything-but",
    "numeric",
    "cidr",
    "exists",
]


def same(value: object, wanted: object) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool) or not (_is_number(value) and _is_number(wanted)):
        return type(value) is type(wanted) and value == wanted
    return _decimal(value) == _decimal(wanted)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


_COMPARE: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _numeric(value: object, bounds: tuple[Any, ...]) -> bool:
    if not _is_number(value):
        return False
    number = _decimal(value)
    return all(_COMPARE[sign](number, _decimal(bound)) for sign, bound in zip(bounds[::2], bounds[1::2], strict=True))


def _cidr(value: object, network: str) -> bool:
    try:
        return isinstance(value, str) and ip_address(value) in ip_network(network)
    except ValueError:
        return False


def _ignoring_case(value: object, wanted: str) -> bool:
    return isinstance(value, str) and value.casefold() == wanted.casefold()


OPERATORS: Mapping[str, Callable[[object, Any], bool]] = {
    "exact": same,
    "prefix": lambda value, start: isinstance(value, str) and value.startswith(start),
    "suffix": lambda value, end: isinstance(value, str) and value.endswith(end),
    "equals-ignore-case": _ignoring_case,
    "numeric": _numeric,
    "cidr": _cidr,
}
