"""The streams of AWS keep the promises of the port on kinesalite, which ends shards as Kinesis does."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import ClassVar

import pytest

from eventkit.testing.streams import DataContract, Feature
from tests.contract.kinesalite import VERSION, set_ahead, start_kinesalite
from tests.contract.stream_worlds import Cloud, Data, open_cloud, open_data

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the server inherits its socket")

EXPIRY = 301
RETENTION = 25 * 3600
"""Seconds; a cursor lives for 5 minutes, and a record for 24 hours."""


@pytest.fixture(scope="module")
def cloud(pytestconfig: pytest.Config) -> Iterator[Cloud]:
    folder = pytestconfig.cache.mkdir(f"kinesalite-{VERSION}")
    with start_kinesalite(folder) as endpoint, open_cloud(endpoint) as cloud:
        yield cloud


class Kinesalite(Data):
    """Its clock can be set forward."""

    async def pause(self) -> None:
        set_ahead(self.cloud.endpoint, 2)

    async def expire(self) -> None:
        set_ahead(self.cloud.endpoint, EXPIRY)

    async def trim(self, name: str, shard: str) -> None:  # noqa: ARG002 - time passes for all
        set_ahead(self.cloud.endpoint, RETENTION)


class TestKinesalite(DataContract):
    lacking: ClassVar[Mapping[Feature, str]] = {
        "throttling": "kinesalite can be asked as often as one likes",
        "behind": "kinesalite says that nobody is behind",
    }
    deviations: ClassVar[Mapping[str, str]] = {
        "test_a_checkpoint_before_the_horizon_is_the_horizon": "what is a day old is trimmed, and so old no cursor is"
    }

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[Kinesalite]:
        async with open_data(cloud) as world:
            yield Kinesalite(world.streams, cloud)
