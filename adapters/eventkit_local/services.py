"""What an app has around it while it is developed: an API, a website, a mailbox, a second Region.

A module `dev` beside the app's may have a function `services`, which `eventkit dev` enters when the app's resources are
there and before its poller runs. What it gives are the addresses that a person wants, by their names::

    @asynccontextmanager
    async def services(session: Session) -> AsyncGenerator[Mapping[str, str]]:
        async with serving(create_api()) as api, open_mailbox(session.aws.smtp) as mailbox:
            yield {"api": api, "mailbox": mailbox.url}

Environment variables that it sets are there for the app's lifespan, and gone when `eventkit dev` has ended.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext

from eventkit_local.dev import Session

__all__ = ["Services", "no_services"]

Services = Callable[[Session], AbstractAsyncContextManager[Mapping[str, str]]]
"""Opens what an app has around it, for the length of a block, and gives addresses by their names."""


def no_services(_: Session) -> AbstractAsyncContextManager[Mapping[str, str]]:
    """The services of an app that has none."""
    return nullcontext({})
