"""The blog on this machine, with real photographs: `make demo`, or `python -m examples.blog.demo`.

It starts a local AWS, uploads photographs, a broken file and a hostile one, and lets the poller handle what arrives.
Then the same records go through the Lambda entrypoint under AWS's own runtime client. `out/demo/index.html` shows what
came of it; `PHOTOS=folder` uploads a folder's pictures instead. Where anything did not happen, it says what, and fails.
"""

import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from eventkit import EventkitError
from eventkit_local.dev import Session, dev_session, local_aws
from examples.blog._account import Account, open_account
from examples.blog._arrivals import Arrivals
from examples.blog._photographs import Picture, pictures_of_folder, pictures_of_package, troublemakers
from examples.blog._replay import Replay, replay
from examples.blog._results import Results, counted, disagreements, faults, key_of, thumbnail_of
from examples.blog._sheet import Entry, Sheet, write_sheet
from examples.blog._story import Story
from examples.blog.app import UPLOADS, app

OUT = Path("out", "demo")

PATIENCE = 60.0
"""Seconds for which one thing is awaited before it counts as not having happened."""


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
    story.say("eventkit: one app, in a poller and in Lambda, on real photographs\n", "bold")
    async with AsyncExitStack() as stack:
        with story.step("Photographs, a broken file and a hostile one"):
            pictures = _pictures(story)
        with story.step("A local AWS, on the loopback interface"):
            aws = stack.enter_context(local_aws(story.progress))
        arrivals = Arrivals(story.delivery)
        with story.step("What the app declares, and the poller that feeds it"):
            opening = dev_session(app, aws=aws, observe=arrivals, progress=story.progress)
            session = await stack.enter_async_context(opening)
            account = await stack.enter_async_context(open_account(session))
            await account.taken()  # where somebody else's emulator is used, an earlier demo may have left something
            await stack.enter_async_context(session.polling())
        demo = _Demo(pictures, session, account, arrivals, story)
        code = await demo.play()
        if code == 0 and sys.stdout.isatty():
            await demo.stay()
    return code


def _pictures(story: Story) -> list[Picture]:
    if folder := os.environ.get("PHOTOS"):
        found = pictures_of_folder(Path(folder).expanduser(), story.progress)
    else:
        found = pictures_of_package(story.progress)
    by_name = {picture.name: picture for picture in (*found, *troublemakers(found))}
    return list(by_name.values())


@dataclass(frozen=True, slots=True)
class _Demo:
    """The story, once everything is there."""

    pictures: list[Picture]
    session: Session
    account: Account
    arrivals: Arrivals
    story: Story

    async def play(self) -> int:
        """Play it in both runtimes, compare them, and leave the contact sheet; returns the exit code."""
        poller, missed = await self._by_poller()
        function, replayed = await self._by_function()
        wrong = [
            *faults(self.pictures, self.account.bucket, poller, "poller"),
            *(f"the event of {key} did not arrive" for key in missed),
            *(replayed.errors or self._differences(poller, function)),
            *await self._leftovers(function),
        ]
        entries = [self._entry(picture, poller, function) for picture in self.pictures]
        page = write_sheet(OUT, Sheet(entries, replayed.invocations, wrong))
        self._conclude(page, poller, wrong, replayed.log)
        return 1 if wrong else 0

    async def stay(self) -> None:
        """Keep everything running until Ctrl-C."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        url = self.session.aws.endpoint_url
        self.story.say(f"\nThe app stays up, and so does AWS at {url}: what is put into", "dim")
        self.story.say(f"s3://{self.account.bucket}/{UPLOADS} gets a thumbnail. Ctrl-C ends it.", "dim")
        await stop.wait()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)  # the next one ends the process

    async def _by_poller(self) -> tuple[Results, list[str]]:
        """What the poller left, and the thumbnails whose own events did not arrive."""
        count = len(self.pictures)
        with self.story.step(f"{count} files uploaded, and settled by the poller, each through S3, SNS and SQS"):
            for picture in self.pictures:
                self.arrivals.begins(key_of(picture))
                await self.account.upload(picture)
            await self.arrivals.wait(map(key_of, self.pictures), PATIENCE)
            results = await self.account.taken(self.arrivals.retries)
        made = counted(len(results.thumbnails), "event")
        with self.story.step(f"{made} of thumbnails' own creation, which no route takes: no loop"):
            missed = await self.arrivals.wait(results.thumbnails, PATIENCE)
        return results, missed

    async def _by_function(self) -> tuple[Results, Replay]:
        records = self.arrivals.records
        with self.story.step(f"The same {len(records)} records, through Lambda's own runtime client"):
            replayed = await replay(records, self.session.aws.environ)
            results = await self.account.taken(replayed.retries)
        return results, replayed

    async def _leftovers(self, function: Results) -> list[str]:
        """What is still in the queue when there should be nothing; what Lambda stored has its events, too."""
        with self.story.step("The queue is empty again"):
            missed = await self.arrivals.wait(function.thumbnails, PATIENCE, times=2)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while await self.account.waiting():  # noqa: ASYNC110 - SQS tells nobody that a queue is empty
                        await asyncio.sleep(0.1)
            left = await self.account.waiting()
        return [
            *(f"the event of Lambda's {key} did not arrive" for key in missed),
            *([f"{counted(left, 'message')} left in the queue"] if left else []),
        ]

    def _differences(self, poller: Results, function: Results) -> list[str]:
        return [*faults(self.pictures, self.account.bucket, function, "Lambda"), *disagreements(poller, function)]

    def _entry(self, picture: Picture, poller: Results, function: Results) -> Entry:
        key, thumbnail = key_of(picture), thumbnail_of(picture, self.account.bucket)
        seen = self.arrivals.seen.get(key)
        alike = poller.of(key, thumbnail) == function.of(key, thumbnail)
        return Entry(
            picture,
            poller.thumbnails.get(thumbnail),
            poller.refusals.get(key),
            seen.path if seen else (),
            seen.seconds if seen else 0.0,
            self.arrivals.took.get(key, 0.0),
            alike,
        )

    def _conclude(self, page: Path, poller: Results, wrong: list[str], log: str) -> None:
        if wrong:
            self.story.say("\nNot everything happened:", "bold red")
            for fault in wrong:
                self.story.say(f"  {fault}", "red")
            self.story.say(f"\nThe function's log:\n{log}", "dim")
        else:
            made, refused = counted(len(poller.thumbnails), "thumbnail"), counted(len(poller.refusals), "rejection")
            text = f"{made} byte for byte, {refused} with their reasons, the same responses"
            self.story.say(f"\nBoth runtimes agree: {text}.", "bold green")
        self.story.say(f"Contact sheet: {page}")


if __name__ == "__main__":
    sys.exit(main())
