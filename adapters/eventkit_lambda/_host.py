"""What a function runs on: time, chance, and what cuts it off."""

import random
from collections.abc import Callable
from time import monotonic, time
from typing import TYPE_CHECKING

from eventkit.values import Value
from eventkit_lambda._alarm import Alarm

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["Host"]


def _uuid() -> str:
    from uuid import uuid4  # a cold start does without it

    return str(uuid4())


class Host(Value):
    """What a function runs on; a test has another than a process.

    `clock` gives seconds that never jump, `random` draws evenly from 0 to 1, `alarm` cuts off what takes too long,
    and `loop` makes the event loop; None is asyncio's own. `wall` gives seconds since 1970, and `new_id` UUIDs.
    """

    clock: Callable[[], float] = monotonic
    random: Callable[[], float] = random.random
    alarm: Callable[[], Alarm] = Alarm
    loop: "Callable[[], AbstractEventLoop] | None" = None
    wall: Callable[[], float] = time
    new_id: Callable[[], str] = _uuid
