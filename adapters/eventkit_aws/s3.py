"""Objects in Amazon S3, for handlers that want an object store."""

from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, cast

from eventkit.errors import BackendError
from eventkit_aws._calls import Call, call, code_of, on_demand, translated
from eventkit_aws._sessions import Options, imported

__all__ = ["S3Client", "S3ObjectStore", "blocking_object_store", "open_object_store"]

MISSING = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "404"})
"""Codes of GetObject for an object, or a version of it, that is not there; the third is a delete marker's."""

CHUNK = 65_536
"""Bytes."""


class S3Client(Protocol):
    """What is called of an S3 client; aioboto3's is one, and `blocking(client)` of boto3's."""

    @property
    def get_object(self) -> Call: ...
    @property
    def put_object(self) -> Call: ...
    @property
    def delete_object(self) -> Call: ...


class _Body(Protocol):
    def read(self, amt: int) -> Awaitable[bytes] | bytes: ...
    def close(self) -> None: ...


class S3ObjectStore:
    """Buckets by their names, over a client that is the caller's to close."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    async def get(
        self, bucket: str, key: str, *, limit: int, version: str | None = None
    ) -> tuple[bytes, Mapping[str, str]] | None:
        """The object's content with its user metadata, or None where there is none.

        At most `limit` bytes are read, whatever size is stated. `version` None is the newest. Raises `BackendError`;
        without the permission `s3:ListBucket` a missing object is one, since S3 then says `AccessDenied`.
        """
        what = f"GetObject from bucket {bucket!r}"
        request = {"Bucket": bucket, "Key": key} | ({} if version is None else {"VersionId": version})
        try:
            found = await call(self._client.get_object, what, **request)
        except BackendError as error:
            if code_of(error) in MISSING:
                return None
            raise
        with translated(what):
            return await _read(found["Body"], limit), found.get("Metadata") or {}

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str, metadata: Mapping[str, str]) -> None:
        """Store the object, replacing what has this key. Raises `BackendError`."""
        await call(
            self._client.put_object,
            f"PutObject into bucket {bucket!r}",
            Bucket=bucket,
            Key=key,
            Body=data,
            ContentType=content_type,
            Metadata=dict(metadata),
        )

    async def delete(self, bucket: str, key: str) -> None:
        """Delete the object, if there is one. Raises `BackendError`."""
        await call(self._client.delete_object, f"DeleteObject from bucket {bucket!r}", Bucket=bucket, Key=key)


async def _read(body: _Body, limit: int) -> bytes:
    """The first bytes of a body; the rest is not fetched, and its connection is given up."""
    data = bytearray()
    try:
        while len(data) < limit:
            read = body.read(min(CHUNK, limit - len(data)))
            chunk = read if isinstance(read, bytes) else await read  # boto3 gives bytes, aioboto3 makes one wait
            if not chunk:
                break
            data += chunk
    finally:
        body.close()
    return bytes(data)


@asynccontextmanager
async def open_object_store(url: str = "s3://") -> AsyncGenerator[S3ObjectStore]:
    """A store with its own client of aioboto3; the URL may hold `region`, `endpoint` and `connections`.

    Raises `MissingExtraError`, `ConfigurationError` for any other option, and `BackendError`.
    """
    options = Options.from_url(url)
    session = imported("aioboto3").Session()
    async with AsyncExitStack() as stack:
        with translated("opening S3"):
            client = await stack.enter_async_context(session.client("s3", **options.client()))
        yield S3ObjectStore(client)


def blocking_object_store(url: str = "s3+boto3://") -> S3ObjectStore:
    """The same over boto3, whose calls block, for Lambda; it need not be closed. Raises `ConfigurationError`.

    boto3 is imported, and the client made, when it is first used.
    """
    options = Options.from_url(url)
    return S3ObjectStore(cast("S3Client", on_demand(lambda: imported("boto3").client("s3", **options.client()))))
