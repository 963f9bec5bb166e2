"""The streams of AWS keep the promises of the port on ministack, as far as that behaves like AWS."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import ClassVar

import pytest

from eventkit.testing.streams import DataContract, Feature, TableContract
from eventkit_local.emulator import start_emulator
from tests.contract.stream_worlds import Cloud, Data, Tables, open_cloud, open_data, open_tables

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with start_emulator() as emulator, open_cloud(emulator.endpoint_url) as cloud:
        yield cloud


NEVER: Mapping[Feature, str] = {
    "expiry": "ministack's clock cannot be set, so no cursor becomes old",
    "trimming": "for the same reason it forgets no records",
    "throttling": "ministack can be asked as often as one likes",
}


class TestTables(TableContract):
    lacking: ClassVar[Mapping[Feature, str]] = {
        **NEVER,
        "shards": "the stream of a table has one shard in ministack",
        "roll": "that one never rolls",
    }

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[Tables]:
        async with open_tables(cloud) as world:
            yield world


class TestKinesis(DataContract):
    lacking: ClassVar[Mapping[Feature, str]] = NEVER
    deviations: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "test_a_shard_that_has_ended_says_so",
            "test_a_cursor_at_the_newest_record_learns_of_the_end",
            "test_a_split_has_two_children",
            "test_a_merge_has_two_parents",
        ),
        "ministack drops a shard that is split or merged, and all of its records",
    )

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[Data]:
        async with open_data(cloud) as world:
            yield world
