"""The blog on this machine, played: `make demo`, or `python -m examples.blog.demo`.

It opens what `eventkit dev` opens, publishes, uploads, subscribes and edits as people would, and checks what comes of
it. Then the same records go through the Lambda entrypoint under AWS's own runtime client. On a terminal the blog stays
up until Ctrl-C. Where anything did not happen, it says what, and fails.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from rich.console import Console

from eventkit import EventkitError
from eventkit_aws.idempotency import create_table
from eventkit_local.dev import dev_session, local_aws
from examples.blog._account import open_account
from examples.blog._acts import STORE, Acts
from examples.blog._arrivals import Arrivals
from examples.blog._photographs import photographs
from examples.blog._story import Story
from examples.blog._visitor import visiting
from examples.blog.app import app
from examples.blog.dev import Blog, addresses_of, open_blog

REMEMBERING = f"dynamodb://{STORE}"


def main() -> int:
    """Play the demo; the exit code says whether everything happened."""
    logging.basicConfig(handlers=[logging.NullHandler()])  # the story tells what the library would log
    story = Story(Console(highlight=False))
    try:
        return asyncio.run(_play(story))
    except EventkitError as error:
        story.say(f"The demo cannot go on: {error}", "red")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


async def _play(story: Story) -> int:
    story.say("MyBlog.com: one app, in a poller and in Lambda, with everything around it on this machine\n", "bold")
    async with AsyncExitStack() as stack:
        acts = await _prologue(story, stack)
        wrong = await acts.play()
        _conclude(story, acts.blog, wrong)
        if not wrong and sys.stdout.isatty():
            await _stay(story)
    return 1 if wrong else 0


async def _prologue(story: Story, stack: AsyncExitStack) -> Acts:
    """Open everything, for as long as the stack is."""
    enter = stack.enter_async_context
    with story.step("Photographs"):
        pictures = photographs(story.progress)
    with story.step("A local AWS, on the loopback interface"):
        aws = stack.enter_context(local_aws(story.progress))
    arrivals = Arrivals(story.delivery)
    with story.step("What the app declares"):
        opening = dev_session(app, aws=aws, observe=arrivals, progress=story.progress, store=REMEMBERING)
        session = await enter(opening)
        await create_table(REMEMBERING)
    with story.step("Around it: the API, the site, the edge, a mailbox, a second Region; and the first posts"):
        blog = await enter(open_blog(session))
    account = await enter(open_account(session))
    visitor, author, abroad = [await enter(visiting(url)) for url in (blog.edge.url, blog.api, blog.second)]
    await enter(session.polling())
    return Acts(
        blog=blog,
        account=account,
        arrivals=arrivals,
        story=story,
        visitor=visitor,
        author=author,
        abroad=abroad,
        pictures=pictures,
    )


def _conclude(story: Story, blog: Blog, wrong: Sequence[str]) -> None:
    figures = blog.edge.figures
    story.say(f"\nThe edge has answered {figures.requests} requests, {figures.hits} without asking an origin.")
    if wrong:
        story.say("Not everything happened:", "bold red")
        for fault in wrong:
            story.say(f"  {fault}", "red")
    else:
        story.say("Everything happened, and both runtimes agree.", "bold green")
    for name, url in addresses_of(blog).items():
        story.say(f"  {name:<10} {url}")


async def _stay(story: Story) -> None:
    """Keep everything running until Ctrl-C."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    story.say("\nThe blog stays up: have a look. Ctrl-C ends it.", "dim")
    await stop.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)  # the next one ends the process


if __name__ == "__main__":
    sys.exit(main())
