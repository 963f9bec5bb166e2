"""The blog as a poller of one's own: `python -m examples.blog.poller_main`, or `eventkit run examples.blog.app:app`.

`EVENTKIT_STORE` is where it remembers whom it has welcomed, and `EVENTKIT_LEASES` how far it has come in the table's
stream; without them this process's memory is, for as long as it runs.
"""

import asyncio
import os

from eventkit import Names
from eventkit.backends import open_backend
from eventkit.stores import STORE, open_store
from eventkit.streams import open_streams
from eventkit.streams.leases import LEASES, open_leases
from eventkit_poller import Poller, StreamAccess, run_poller
from examples.blog.app import app

MEMORY = "memory://"


async def main() -> None:
    """Poll until SIGTERM or SIGINT, then stop in good order."""
    names = Names.from_environ(app.name, os.environ)
    async with (
        open_backend("sqs://") as backend,
        open_store(os.environ.get(STORE, MEMORY)) as store,
        open_streams("sqs://") as streams,
        open_leases(os.environ.get(LEASES, MEMORY)) as leases,
    ):
        await run_poller(Poller(app, backend, names=names, store=store, streams=StreamAccess(streams, leases)))


if __name__ == "__main__":
    asyncio.run(main())
