"""Objects: no more is read than asked for, whatever is stated."""

from collections.abc import Mapping
from typing import Any, cast

import boto3
import pytest

from eventkit.errors import BackendError
from eventkit_aws.s3 import S3Client, S3ObjectStore, open_object_store
from tests.adapters.aws.fakes import Answers, FakeClient, refusal


class Body:
    """A body that gives what the network has: fewer bytes than were asked for."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self.data = data
        self.error = error
        self.closed = False

    async def read(self, amt: int) -> bytes:
        if self.error:
            raise self.error
        taken, self.data = self.data[: min(amt, 3)], self.data[min(amt, 3) :]
        return taken

    def close(self) -> None:
        self.closed = True


def store(**answers: Answers) -> tuple[S3ObjectStore, FakeClient]:
    client = FakeClient(**answers)
    return S3ObjectStore(cast("S3Client", client)), client


async def test_no_more_is_read_than_the_limit() -> None:
    body = Body(b"0123456789")
    objects, _ = store(get_object=[{"Body": body, "ContentLength": 4, "Metadata": {"made-by": "us"}}])

    found = await objects.get("photos", "a.jpg", limit=7)

    assert found == (b"0123456", {"made-by": "us"})
    assert (body.data, body.closed) == (b"789", True)


async def test_a_version_is_asked_for_by_its_id() -> None:
    objects, client = store(get_object=[{"Body": Body(b"")}])

    assert await objects.get("photos", "a.jpg", limit=7, version="v1") == (b"", {})

    assert client.calls == [("get_object", {"Bucket": "photos", "Key": "a.jpg", "VersionId": "v1"})]


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion", "MethodNotAllowed"])
async def test_what_is_not_there_is_none(code: str) -> None:
    objects, _ = store(get_object=[refusal(code)])

    assert await objects.get("photos", "a.jpg", limit=7) is None


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SlowDown"])
async def test_a_refusal_is_an_error(code: str) -> None:
    objects, _ = store(get_object=[refusal(code)])

    with pytest.raises(BackendError, match=code):
        await objects.get("photos", "a.jpg", limit=7)


async def test_a_connection_that_breaks_is_an_error() -> None:
    body = Body(b"", ConnectionResetError())
    objects, _ = store(get_object=[{"Body": body}])

    with pytest.raises(BackendError, match="ConnectionResetError"):
        await objects.get("photos", "a.jpg", limit=7)
    assert body.closed


async def test_objects_come_back_as_they_were_put(moto: str) -> None:
    client: Any = cast("Any", boto3).client("s3", endpoint_url=moto)
    client.create_bucket(Bucket="photos")
    metadata: Mapping[str, str] = {"eventkit-generated": "thumbnail"}

    async with open_object_store(f"s3://?endpoint={moto}") as objects:
        await objects.put("photos", "a b/ü.jpg", b"x" * 300_000, content_type="image/jpeg", metadata=metadata)

        assert await objects.get("photos", "a b/ü.jpg", limit=400_000) == (b"x" * 300_000, metadata)
        assert await objects.get("photos", "a b/ü.jpg", limit=100_000) == (b"x" * 100_000, metadata)
        assert await objects.get("photos", "missing", limit=1) is None
        with pytest.raises(BackendError, match="NoSuchBucket"):
            await objects.get("nowhere", "a.jpg", limit=1)
    assert client.head_object(Bucket="photos", Key="a b/ü.jpg")["ContentType"] == "image/jpeg"
    client.close()
