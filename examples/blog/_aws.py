"""The blog's services on AWS: over aioboto3, or in Lambda over boto3.

Lambda's own runtime brings boto3 alone, whose calls block. An execution environment handles one invocation at a time,
so there is nothing that they could hold up, and no client belongs to an event loop. Anywhere else they would hold up
whatever runs beside them.
"""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from botocore.config import Config

from eventkit import Names
from eventkit_aws.cloudfront import blocking_invalidator, open_invalidator
from eventkit_aws.s3 import blocking_object_store, open_object_store
from eventkit_aws.ses import blocking_mailer, open_mailer
from eventkit_aws.sqs import blocking
from eventkit_handlers.cdn_invalidation import Invalidator
from eventkit_handlers.thumbnails import ObjectStore
from eventkit_handlers.welcome_email import Mailer
from examples.blog._dynamodb import DynamoDbBlog, DynamoDbClient
from examples.blog._resources import photos, posts
from examples.blog._settings import Settings
from examples.blog._store import BlogStore
from examples.blog._uploads import S3Uploads, Uploads

__all__ = ["Ports", "blocking_table_and_uploads", "open_ports", "open_table_and_uploads", "signing"]

CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, slots=True)
class Ports:
    """What the app's handlers reach; `invalidator` is None where there is no CDN."""

    blog: BlogStore
    objects: ObjectStore
    mailer: Mailer
    invalidator: Invalidator | None


@asynccontextmanager
async def open_ports(settings: Settings) -> AsyncGenerator[Ports]:
    """What the app's handlers reach, in the SDK that suits where this runs."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        yield _blocking_ports(settings)
        return
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        yield Ports(
            await enter(_open_table(settings)),
            await enter(open_object_store()),
            await enter(open_mailer(configuration_set=settings.configuration_set)),
            await enter(open_invalidator(settings.distribution)) if settings.distribution else None,
        )


def _blocking_ports(settings: Settings) -> Ports:
    return Ports(
        _blocking_table(settings),
        blocking_object_store(),
        blocking_mailer(configuration_set=settings.configuration_set),
        blocking_invalidator(settings.distribution) if settings.distribution else None,
    )


@asynccontextmanager
async def open_table_and_uploads(settings: Settings) -> AsyncGenerator[tuple[BlogStore, Uploads]]:
    """What the API reaches, over aioboto3."""
    config = signing(os.environ)
    async with _open_table(settings) as blog, _sdk("aioboto3").Session().client("s3", config=config) as s3:
        yield blog, S3Uploads(s3, _names().name(photos))


def blocking_table_and_uploads(settings: Settings) -> tuple[BlogStore, Uploads]:
    """What the API reaches, over boto3."""
    s3 = _sdk("boto3").client("s3", config=signing(os.environ))
    return _blocking_table(settings), S3Uploads(s3, _names().name(photos))


def signing(environ: Mapping[str, str]) -> Config:
    """How forms are signed: they name the bucket's own host in its Region, as the pages' Content-Security-Policy does.

    Where something stands for AWS, a bucket has no host of its own.
    """
    by_path = bool(environ.get("AWS_ENDPOINT_URL"))
    return Config(signature_version="s3v4", s3={"addressing_style": "path" if by_path else "virtual"})


@asynccontextmanager
async def _open_table(settings: Settings) -> AsyncGenerator[BlogStore]:
    async with _sdk("aioboto3").Session().client("dynamodb", config=CONFIG) as client:
        yield DynamoDbBlog(client, _names().address(posts), settings.region)


def _blocking_table(settings: Settings) -> BlogStore:
    client = cast("DynamoDbClient", blocking(_sdk("boto3").client("dynamodb", config=CONFIG)))
    return DynamoDbBlog(client, _names().address(posts), settings.region)


def _sdk(module: str) -> Any:  # noqa: ANN401 - the SDKs are typed by packages that users need not have
    """The SDK that is wanted: Lambda's own runtime has no aioboto3."""
    return import_module(module)


def _names() -> Names:
    return Names.from_environ("blog", os.environ)
