"""The child process of `in_process`: limits itself, then makes the thumbnails of what it reads.

The order is its argument, as JSON; the image is its standard input. It is imported by nobody, so that it loads no more
than it needs.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from eventkit.outcomes import Reject
from eventkit_handlers._images import make_thumbnails
from eventkit_handlers._spec import ThumbnailSpec

if sys.platform != "win32":
    import resource

MIB: Final = 2**20


def _main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])
    specs = [_spec(**spec) for spec in order["specs"]]
    _limit(resource.RLIMIT_AS, order["memory"] * MIB)
    _limit(resource.RLIMIT_CPU, order["seconds"])
    _limit(resource.RLIMIT_CORE, 0)
    facts: Mapping[str, object]
    try:
        thumbnails = make_thumbnails(sys.stdin.buffer.read(), specs)
        facts = {"thumbnails": [(len(one.data), one.width, one.height) for one in thumbnails]}
        data = b"".join(one.data for one in thumbnails)
    except Reject as reject:
        facts, data = {"reject": reject.reason}, b""
    except MemoryError:
        facts, data = {"reject": f"the image needs more than {order['memory']:,} MiB of memory"}, b""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + data)


def _spec(size: list[int], **others: Any) -> ThumbnailSpec:  # noqa: ANN401 - the fields of a spec
    width, height = size
    return ThumbnailSpec((width, height), **others)


def _limit(kind: int, most: int) -> None:
    # At the hard limit of CPU time the kernel sends SIGKILL, which would look like somebody's wish: so one more.
    # A system that refuses a limit has a stricter one, or cannot do it (macOS and RLIMIT_AS).
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most + 1))


if __name__ == "__main__":
    _main()
