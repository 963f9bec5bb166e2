"""The SQS backend keeps the promises of the port on moto, as far as that behaves like AWS."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import ClassVar

import pytest
from moto.server import ThreadedMotoServer

from eventkit.backends import open_backend
from eventkit.testing.backends import BackendContract
from tests.contract.sqs_world import Cloud, SqsWorld, open_cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with open_cloud(f"http://{host}:{port}") as cloud:
        yield cloud
    server.stop()


class TestMoto(BackendContract):
    deviations: ClassVar[Mapping[str, str]] = {
        "test_an_xray_trace_header_arrives": "moto drops the system attributes of SendMessageBatch",
        "test_a_fifo_queue_refuses_an_expired_handle": "moto deletes a message by any handle that it ever had",
    }

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[SqsWorld]:
        async with open_backend(f"sqs://?endpoint={cloud.endpoint}") as backend:
            yield SqsWorld(backend, cloud)
