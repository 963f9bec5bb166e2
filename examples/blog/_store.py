"""The store of Lambda's own runtime, which has boto3 and no aioboto3: boto3's calls, each on a thread."""

from asyncio import to_thread
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from eventkit_aws.s3 import S3ObjectStore

__all__ = ["threaded_store"]


def threaded_store() -> S3ObjectStore:
    """A store over a client of boto3, configured as botocore always is: by the environment."""
    boto3: Any = import_module("boto3")  # its types come with a package that users need not have
    return S3ObjectStore(_Threaded(boto3.client("s3")))


class _Threaded:
    """The two calls that the store makes; a client of boto3 may be used by several threads."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - as above
        self._client = client

    async def get_object(self, **request: object) -> Mapping[str, object]:
        found: dict[str, Any] = await to_thread(self._client.get_object, **request)
        return {**found, "Body": _ThreadedBody(found["Body"])}

    async def put_object(self, **request: object) -> Mapping[str, object]:
        return await to_thread(self._client.put_object, **request)


class _ThreadedBody:
    def __init__(self, body: Any) -> None:  # noqa: ANN401 - as above
        self._body = body

    async def read(self, amt: int) -> bytes:
        return await to_thread(self._body.read, amt)

    def close(self) -> None:
        self._body.close()
