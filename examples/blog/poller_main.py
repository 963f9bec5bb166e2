"""The blog as a poller of one's own: `python -m examples.blog.poller_main`, or `eventkit run examples.blog.app:app`."""

import asyncio
import os

from eventkit import Names
from eventkit.backends import open_backend
from eventkit_poller import Poller, run_poller
from examples.blog.app import app


async def main() -> None:
    """Poll until SIGTERM or SIGINT, then stop in good order."""
    async with open_backend("sqs://") as backend:
        await run_poller(Poller(app, backend, names=Names.from_environ(app.name, os.environ)))


if __name__ == "__main__":
    asyncio.run(main())
