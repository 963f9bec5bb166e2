"""What the app works with, opened once in every process."""

import logging
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from eventkit import App
from eventkit_handlers.cdn_invalidation import Invalidations, Invalidator, open_invalidations
from eventkit_handlers.thumbnails import ObjectStore
from eventkit_handlers.welcome_email import Mailer
from examples.blog._aws import open_ports
from examples.blog._items import now
from examples.blog._settings import Settings
from examples.blog._store import BlogStore

__all__ = ["Services", "open_services"]

log: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers want. `now` gives milliseconds since 1970."""

    blog: BlogStore
    objects: ObjectStore
    mailer: Mailer
    invalidations: Invalidations
    settings: Settings
    now: Callable[[], int] = now


@asynccontextmanager
async def open_services(_: App) -> AsyncGenerator[Services]:
    """Open what AWS has of it, for the length of the process."""
    settings = Settings.from_environ(os.environ)
    async with open_ports(settings) as ports, open_invalidations(ports.invalidator or NoCdn()) as invalidations:
        yield Services(ports.blog, ports.objects, ports.mailer, invalidations, settings)


class NoCdn(Invalidator):
    """There is no CDN, so nothing is kept that could be out of date."""

    async def invalidate(self, paths: Sequence[str], reference: str) -> None:
        log.debug("cdn.none", extra={"paths": len(paths), "reference": reference})
