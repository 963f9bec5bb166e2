"""Invalidations in Amazon CloudFront, for handlers that want an invalidator.

The role needs `cloudfront:CreateInvalidation` on the distribution.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, cast

from eventkit.errors import BackendError
from eventkit.outcomes import Reject, Retry
from eventkit_aws._calls import Call, call, code_of, on_demand, translated
from eventkit_aws._sessions import Options, imported

__all__ = ["CloudFrontClient", "CloudFrontInvalidator", "blocking_invalidator", "open_invalidator"]

PAUSE = 30.0
"""Seconds after which those in progress may be over: CloudFront needs seconds to a few minutes for one."""


class CloudFrontClient(Protocol):
    """What is called of a CloudFront client; aioboto3's is one, and `blocking(client)` of boto3's."""

    @property
    def create_invalidation(self) -> Call: ...


class CloudFrontInvalidator:
    """Invalidations in one distribution, over a client that is the caller's to close."""

    def __init__(self, client: CloudFrontClient, distribution: str) -> None:
        """`distribution` is its id."""
        self._client = client
        self._distribution = distribution

    async def invalidate(self, paths: Sequence[str], reference: str) -> None:
        """Have the paths invalidated; CloudFront has accepted that when this returns.

        A repetition with the same `reference` and paths is none to CloudFront ("InvalidationBatch" in its API
        reference). Raises `Retry` while too many are in progress, `Reject` for paths that are none, and `BackendError`.
        """
        batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference}
        request = {"DistributionId": self._distribution, "InvalidationBatch": batch}
        try:
            await call(self._client.create_invalidation, f"CreateInvalidation on {self._distribution!r}", **request)
        except BackendError as error:
            match code_of(error):
                case "TooManyInvalidationsInProgress":
                    raise Retry(PAUSE, error=error) from error
                case "InvalidArgument":
                    raise Reject("CloudFront takes no such path (InvalidArgument)", error=error) from error
                case _:
                    raise


@asynccontextmanager
async def open_invalidator(distribution: str, url: str = "cloudfront://") -> AsyncGenerator[CloudFrontInvalidator]:
    """An invalidator with its own client of aioboto3; the URL may hold `region`, `endpoint` and `connections`.

    Raises `MissingExtraError`, `ConfigurationError` for any other option, and `BackendError`.
    """
    options = Options.from_url(url)
    session = imported("aioboto3").Session()
    async with AsyncExitStack() as stack:
        with translated("opening CloudFront"):
            client = await stack.enter_async_context(session.client("cloudfront", **options.client()))
        yield CloudFrontInvalidator(client, distribution)


def blocking_invalidator(distribution: str, url: str = "cloudfront+boto3://") -> CloudFrontInvalidator:
    """The same over boto3, whose calls block, for Lambda; it need not be closed. Raises `ConfigurationError`.

    boto3 is imported, and the client made, when it is first used.
    """
    options = Options.from_url(url)
    client = on_demand(lambda: imported("boto3").client("cloudfront", **options.client()))
    return CloudFrontInvalidator(cast("CloudFrontClient", client), distribution)
