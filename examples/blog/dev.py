"""The blog on this machine: what `eventkit dev examples.blog.app:app` opens around the app.

It is what AWS would have around it: the API, the site's files in a bucket, a CDN before both, a mailbox in the place of
SES's recipients, and the table in a second Region. The app and the API learn where everything is from environment
variables, as they do on AWS.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parseaddr
from importlib import import_module
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from eventkit.errors import BackendError, ConfigurationError
from eventkit_local.dev import Session, environment
from eventkit_local.edge import Edge, open_edge
from eventkit_local.global_tables import global_table
from eventkit_local.mailbox import Mailbox, open_mailbox
from eventkit_local.serving import serving
from examples.blog._photographs import photographs
from examples.blog._resources import photos
from examples.blog._seeds import Seeded, seed
from examples.blog._settings import Settings
from examples.blog._site import distribution_of, publish
from examples.blog._visitor import visiting
from examples.blog._wiring import open_api

__all__ = ["Blog", "addresses_of", "open_blog", "services"]

SITE_BUCKET = "site"
REGIONS = ("us-east-1", "eu-west-1")


@dataclass(frozen=True, slots=True)
class Blog:
    """The blog as it runs.

    Attributes:
        edge: Where readers find it.
        api: The API's own address, past the edge.
        second: The address of the API in the second Region.
        region: The second Region.
        mailbox: Gets the blog's mail.
        posts: What was published to begin with; nothing where there were posts already.
    """

    edge: Edge
    api: str
    second: str
    region: str
    mailbox: Mailbox
    posts: Sequence[Seeded] = ()


@asynccontextmanager
async def services(session: Session) -> AsyncGenerator[Mapping[str, str]]:
    """Open the blog, publish its first posts, and give the addresses that a person wants."""
    async with open_blog(session) as blog:
        yield addresses_of(blog)


def addresses_of(blog: Blog) -> Mapping[str, str]:
    """What a person wants to look at."""
    return {
        "blog": blog.edge.url,
        "mailbox": blog.mailbox.url,
        "API": f"{blog.api}/api/openapi.json",
        blog.region: f"{blog.second}/api/posts",
        "edge": f"{blog.edge.endpoint_url}/figures",
    }


@asynccontextmanager
async def open_blog(session: Session) -> AsyncGenerator[Blog]:
    """Open everything around the app, whose resources are there and whose poller does not run yet.

    Raises:
        ConfigurationError: The session is of AWS itself.
        EventkitError: Something of it cannot be opened.
    """
    s3 = session.aws.endpoint_url
    if s3 is None:
        raise ConfigurationError("the blog around the app is for an emulator; on AWS, deploy template.yaml")
    region = _other_region(os.environ["AWS_REGION"])
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await _prepare()
        mailbox = await enter(_mailbox(session))
        await enter(global_table(session.plan.tables[0], session.aws, [os.environ["AWS_REGION"], region]))
        api, second = await _api(stack), await _api(stack, region)
        edge = await enter(open_edge(distribution_of(api, s3, SITE_BUCKET, session.names.name(photos))))
        variables = {**edge.environ, "BLOG_DISTRIBUTION": edge.distribution_id, "BLOG_SITE": edge.url}
        stack.enter_context(environment(variables))
        yield Blog(edge, api, second, region, mailbox, await _seed(session, edge))


async def _prepare() -> None:
    """Put the site into its bucket, and have SES know the sender."""
    aws: Any = import_module("aioboto3").Session()
    _, sender = parseaddr(Settings.from_environ(os.environ).sender)
    try:
        async with aws.client("s3") as s3, aws.client("sesv2") as ses:
            await publish(s3, SITE_BUCKET)
            with suppress(ses.exceptions.AlreadyExistsException):  # the emulator has been used before
                await ses.create_email_identity(EmailIdentity=sender)
    except (BotoCoreError, ClientError) as error:
        raise BackendError(f"the emulator does not take the site or the sender of mail: {error}") from error


@asynccontextmanager
async def _mailbox(session: Session) -> AsyncGenerator[Mailbox]:
    async with open_mailbox(session.aws.smtp) as mailbox:
        if session.aws.smtp is None:
            session.progress(f"mail arrives if the emulator was started with SMTP_HOST={mailbox.smtp}")
        yield mailbox


async def _api(stack: AsyncExitStack, region: str | None = None) -> str:
    """Serve the API in a Region, by default in this one, and give its address."""
    variables = {} if region is None else {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    with environment(variables):
        api = await stack.enter_async_context(open_api())
    return await stack.enter_async_context(serving(api))


async def _seed(session: Session, edge: Edge) -> Sequence[Seeded]:
    pictures = await asyncio.to_thread(photographs, session.progress)
    async with visiting(edge.url) as visitor:
        return await seed(visitor, pictures)


def _other_region(region: str) -> str:
    return next(one for one in REGIONS if one != region)
