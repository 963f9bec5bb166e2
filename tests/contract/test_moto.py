"""The SQS backend keeps the promises of the port on moto, as far as that behaves like AWS."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import ClassVar

import pytest

from eventkit.backends import open_backend
from eventkit.testing.backends import BackendContract
from tests.contract.sqs_world import Cloud, SqsWorld, open_cloud


@pytest.fixture(scope="module")
def cloud(moto: str) -> Iterator[Cloud]:
    with open_cloud(moto) as cloud:
        yield cloud


class TestMoto(BackendContract):
    deviations: ClassVar[Mapping[str, str]] = {
        "test_an_xray_trace_header_arrives": "moto drops the system attributes of SendMessageBatch",
        "test_a_fifo_queue_refuses_an_expired_handle": "moto deletes a message by any handle that it ever had",
    }

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[SqsWorld]:
        async with open_backend(f"sqs://?endpoint={cloud.endpoint}") as backend:
            yield SqsWorld(backend, cloud)
