"""Where the browser uploads a photo to: straight into the bucket, by a form that S3 checks."""

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from pydantic import BaseModel

__all__ = ["LARGEST", "LIFETIME", "S3Uploads", "Upload", "Uploads"]

LARGEST = 10 * 2**20
"""Bytes of a photo."""

LIFETIME = 600
"""Seconds for which a form can be sent."""


class Upload(BaseModel):
    """A form to send: `fields` first, then the file as `file`, to `url`, as multipart/form-data."""

    url: str
    fields: dict[str, str]


class Uploads(Protocol):
    """Makes forms to upload by."""

    async def form(self, key: str, content_type: str) -> Upload:
        """A form by which one object of this type, of 1 byte to `LARGEST`, can be put under this key and no other."""
        ...


class PresigningClient(Protocol):
    """What is called of an S3 client, aioboto3's or boto3's. Nothing is sent: a form is signed on this machine."""

    @property
    def generate_presigned_post(self) -> "Any": ...  # noqa: ANN401 - boto3's returns what aioboto3's makes one wait for


class S3Uploads:
    """Forms for one bucket ("Browser-based uploads using POST" in the S3 API reference)."""

    def __init__(self, client: PresigningClient, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def form(self, key: str, content_type: str) -> Upload:
        signed: Mapping[str, Any] | Awaitable[Mapping[str, Any]] = self._client.generate_presigned_post(
            Bucket=self._bucket,
            Key=key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, LARGEST]],
            ExpiresIn=LIFETIME,
        )
        form = await signed if isinstance(signed, Awaitable) else signed
        return Upload.model_validate(form)
