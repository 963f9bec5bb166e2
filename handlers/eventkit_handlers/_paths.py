"""Paths to invalidate, as CloudFront wants them, and how many go into one call."""

import re
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Final
from urllib.parse import quote

from eventkit.outcomes import Reject

__all__ = ["MAX_PATHS", "calls_of", "invalidation_path"]

MAX_PATHS: Final = 1_000
"""Paths of one call. CloudFront has 3,000 in progress at most; a third leaves room for others that still are."""

MAX_WILDCARDS: Final = 15
"""Wildcards of one call: CloudFront has no more in progress, so a call with more could never be accepted."""

MAX_LENGTH: Final = 4_000
"""Characters of a path."""

KEPT: Final = "!$%&'()*+,/:;=?@"
"""Signs that are left as they are, beside letters, digits and `-._`: those that RFC 1738 does not call unsafe."""

LONE_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")


def invalidation_path(path: str) -> str:
    """A path, with its query where the cache goes by that, as CloudFront knows it ("Invalidating files").

    Takes it as it stands in a link: what is beyond ASCII or unsafe by RFC 1738 is percent-encoded, and what is encoded
    already stays so. A `*` at the end stands for anything; quote a name that may end in one (`urllib.parse.quote`).

    Raises `Reject` for a path that does not begin with a slash, has a `*` before its end, or is too long.
    """
    if not path.startswith("/") or "*" in path[:-1]:
        raise Reject("a path to invalidate begins with a slash, and has no * but at its end")
    try:
        encoded = quote(LONE_PERCENT.sub("%25", path), safe=KEPT).replace("~", "%7E")
    except UnicodeEncodeError as error:
        raise Reject("a path to invalidate holds half a character", error=error) from error
    if len(encoded) > MAX_LENGTH:
        raise Reject(f"a path to invalidate has more than {MAX_LENGTH:,} characters")
    return encoded


def calls_of(paths: Iterable[str]) -> Sequence[Sequence[str]]:
    """The paths, each once and none that a wildcard covers, divided into what one call takes.

    In order, so that the same paths make the same calls.
    """
    distinct = set(paths)
    wildcards = _uncovered({path for path in distinct if path.endswith("*")}, distinct)
    others = _uncovered({path for path in distinct if not path.endswith("*")}, distinct)
    size = MAX_PATHS - MAX_WILDCARDS
    calls = max(ceil(len(wildcards) / MAX_WILDCARDS), ceil(len(others) / size))
    return [
        [*wildcards[n * MAX_WILDCARDS : (n + 1) * MAX_WILDCARDS], *others[n * size : (n + 1) * size]]
        for n in range(calls)
    ]


def _uncovered(paths: set[str], among: set[str]) -> list[str]:
    stems = tuple((one, one[:-1]) for one in among if one.endswith("*"))
    return sorted(path for path in paths if not any(path.startswith(stem) and path != one for one, stem in stems))
