"""Tables of leases on an emulator, and leases of any kind."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

from hypothesis import strategies as st

from eventkit.streams.leases import Lease
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, After, Since
from eventkit_aws.leases import DynamoLeases, open_leases

NUMBERS = count(1)

TEXTS = st.text(max_size=40)
NAMES = st.text(min_size=1, max_size=40)
STREAMS = st.text(min_size=1, max_size=40).map(lambda text: "".join(text.split()) or "arn")
FLOATS = st.floats(allow_nan=False)
CHECKPOINTS = st.one_of(
    st.just(TRIM_HORIZON),
    st.just(SHARD_END),
    st.builds(Since, FLOATS),
    st.builds(After, st.text("0123456789", min_size=1, max_size=56)),
)

LEASES = st.builds(
    Lease,
    group=TEXTS,
    stream=STREAMS,
    shard=NAMES,
    parents=st.lists(NAMES, max_size=2).map(tuple),
    checkpoint=CHECKPOINTS,
    owner=st.none() | TEXTS,
    counter=st.integers(0, 10**37),
    claimant=st.none() | TEXTS,
    time=st.none() | FLOATS,
    behind=st.none() | FLOATS,
)
"""Any lease whose stream's name has no blank, as no ARN has."""


@asynccontextmanager
async def new_store(endpoint: str) -> AsyncGenerator[DynamoLeases]:
    """A store with a table of its own."""
    async with open_leases(f"dynamodb://leases-{next(NUMBERS)}?endpoint={endpoint}&create=true") as store:
        yield store
