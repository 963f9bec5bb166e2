"""The SQS backend keeps the promises of the port on ministack, with both SDKs."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import ClassVar

import pytest

from eventkit.backends import open_backend
from eventkit.testing.backends import BackendContract, Features
from eventkit_local.emulator import start_emulator
from tests.contract.sqs_world import Cloud, SqsWorld, open_cloud

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with start_emulator() as emulator, open_cloud(emulator.endpoint_url) as cloud:
        yield cloud


DEVIATIONS: Mapping[str, str] = {
    "test_an_xray_trace_header_arrives": "ministack drops the system attributes of SendMessageBatch",
}


class TestAioboto3(BackendContract):
    deviations: ClassVar[Mapping[str, str]] = DEVIATIONS

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[SqsWorld]:
        async with open_backend(f"sqs://?endpoint={cloud.endpoint}") as backend:
            yield SqsWorld(backend, cloud)


class TestBoto3(BackendContract):
    deviations: ClassVar[Mapping[str, str]] = DEVIATIONS
    features = Features(concurrency=False)

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[SqsWorld]:
        async with open_backend(f"sqs+boto3://?endpoint={cloud.endpoint}") as backend:
            yield SqsWorld(backend, cloud)
