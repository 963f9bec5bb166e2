"""The streams of AWS keep the promises of the port on moto, as far as that behaves like AWS."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import ClassVar

import pytest

from eventkit.testing.streams import DataContract, Feature, TableContract
from tests.contract.stream_worlds import Cloud, Data, Tables, open_cloud, open_data, open_tables


@pytest.fixture(scope="module")
def cloud(moto: str) -> Iterator[Cloud]:
    with open_cloud(moto) as cloud:
        yield cloud


NEVER: Mapping[Feature, str] = {
    "expiry": "cursors of moto do not expire",
    "trimming": "moto forgets no records",
    "throttling": "moto can be asked as often as one likes",
}


class TestTables(TableContract):
    lacking: ClassVar[Mapping[Feature, str]] = {
        **NEVER,
        "shards": "the stream of a table has one shard in moto",
        "roll": "that one never rolls",
        "end": "moto fails with status 500 where a stream is disabled",
    }
    deviations: ClassVar[Mapping[str, str]] = {
        "test_a_shard_that_there_is_not_is_unknown": "moto fails with status 500 where there is no such shard",
        "test_a_change_has_lambdas_shape": "moto says that its records have the version 1.0",
    }

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[Tables]:
        async with open_tables(cloud) as world:
            yield world


class TestKinesis(DataContract):
    lacking: ClassVar[Mapping[Feature, str]] = NEVER
    deviations: ClassVar[Mapping[str, str]] = {
        "test_a_shard_that_has_ended_says_so": "reading never comes to the end of a shard in moto",
        "test_a_cursor_at_the_newest_record_learns_of_the_end": "likewise",
        "test_a_split_has_two_children": "in moto the shard that was split has what is written later, too",
        "test_a_merge_has_two_parents": "in moto the shard into which two were merged has their records, too",
    }

    @pytest.fixture
    async def world(self, cloud: Cloud) -> AsyncIterator[Data]:
        async with open_data(cloud) as world:
            yield world
