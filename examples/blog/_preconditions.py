"""Whether a request's preconditions hold (RFC 9110, 13.1).

A post's tag is `"<version>.<ready photos>"`, and an edit competes with other edits only: If-Match is compared by the
version, so that a thumbnail that is made while somebody writes does not cost them their text.
"""

import re

__all__ = ["is_fresh", "version_to_edit"]

TAG = re.compile(r'(W/)?("[^"]*")')
STRONG = re.compile(r'(?<!W/)"(\d{1,9})\.\d{1,9}"')


def is_fresh(if_none_match: str | None, tag: str) -> bool:
    """Whether who asks has what there is; weak tags count (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or any(found == tag for _, found in TAG.findall(if_none_match))


def version_to_edit(if_match: str, version: int) -> int | None:
    """The version to edit; None where the one that there is does not match. Weak tags never do (RFC 9110, 13.1.1)."""
    versions = {int(found) for found in STRONG.findall(if_match)}
    return version if if_match.strip() == "*" or version in versions else None
