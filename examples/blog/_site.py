"""The blog's files, and how the edge answers, on this machine. For AWS `template.yaml` says the same."""

from collections.abc import Mapping
from contextlib import suppress
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from eventkit_local.edge import (
    ALL,
    ALL_METHODS,
    Behaviour,
    Distribution,
    ErrorPage,
    Selection,
    Ttl,
)

__all__ = ["distribution_of", "publish"]

WEB = Path(__file__).with_name("web")

UNNAMED = "us-east-1"
"""The Region that S3 does not want to be told of ("CreateBucket" in its API reference)."""

CACHED = "public, max-age=300"
"""How long the site's files are kept by whoever has them."""

KEPT = Ttl(default=300)
"""How long files are that do not say."""

AS_SAID = Ttl(default=0)
"""The API says how long everything of it may be kept."""

GONE: Mapping[int, ErrorPage] = dict.fromkeys((403, 404), ErrorPage("/404.html", 404))
"""What is not there; S3 says 403 to who may not list."""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self' {uploads}; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)


def distribution_of(api: str, s3: str, site: str, photos: str) -> Distribution:
    """The blog's distribution, by the addresses of its API and of S3, and the names of its two buckets."""
    page = {
        "Content-Security-Policy": POLICY.format(uploads=s3),
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    media = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
    return Distribution(
        behaviours=[
            Behaviour(
                path_pattern="/api/*",
                origin=api,
                key=Selection(queries=ALL),
                forward=Selection(headers=ALL),
                methods=ALL_METHODS,
                ttl=AS_SAID,
                response_headers=page,
            ),
            Behaviour(  # the originals, under uploads/, are for nobody
                path_pattern="/media/thumbnails/*",
                origin=f"{s3}/{photos}",
                rewrite=(r"^/media", ""),
                ttl=KEPT,
                response_headers=media,
                error_pages=GONE,
            ),
            Behaviour(
                origin=f"{s3}/{site}",
                rewrite=(r"^/posts/[^/]+$", "/post.html"),
                ttl=KEPT,
                response_headers=page,
                error_pages=GONE,
            ),
        ],
        default_root_object="index.html",
    )


async def publish(s3: Any, bucket: str) -> None:  # noqa: ANN401 - aioboto3's client, which is typed by packages that users need not have
    """Make the site's bucket in the client's Region, and put the site's files into it."""
    region = s3.meta.region_name
    where = {} if region == UNNAMED else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):  # the emulator has been used before
        await s3.create_bucket(Bucket=bucket, **where)
    for file in sorted(WEB.rglob("*")):
        if file.is_file():
            await s3.put_object(
                Bucket=bucket,
                Key=file.relative_to(WEB).as_posix(),
                Body=file.read_bytes(),
                ContentType=_type_of(file),
                CacheControl=CACHED,
            )


def _type_of(file: Path) -> str:
    kind = guess_type(file.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "image/svg+xml" else kind
