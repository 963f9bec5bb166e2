"""Entity tags of posts, and whether a request's preconditions hold (RFC 9110, 13.1).

A post's tag is `"<time of the last edit>.<ready photos>"`. It has the time and not the version, since two Regions may
each make a version 2 at once, of which one remains. An edit competes with other edits only: If-Match is compared by the
time, so that a thumbnail that is made while somebody writes does not cost them their text.
"""

import re

from examples.blog._store import Article

__all__ = ["is_edit_of", "is_fresh", "tag_of"]

TAG = re.compile(r'(W/)?("[^"]*")')
STRONG = re.compile(r'(?<!W/)"(\d{1,15})\.\d{1,9}"')


def tag_of(article: Article) -> str:
    """The entity tag: another for each edit, and for each photo that has become ready."""
    ready = sum(photo.status == "ready" for photo in article.photos)
    return f'"{article.post.edited_at}.{ready}"'


def is_fresh(if_none_match: str | None, tag: str) -> bool:
    """Whether who asks has what there is; weak tags count (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or any(found == tag for _, found in TAG.findall(if_none_match))


def is_edit_of(if_match: str, edited_at: int) -> bool:
    """Whether what was edited is as it was at this time. Weak tags never match (RFC 9110, 13.1.1)."""
    return if_match.strip() == "*" or edited_at in map(int, STRONG.findall(if_match))
