"""Bodies on their way: kept or passing through, read by any number at their own pace."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit_local.edge.transfer import AbandonedError, BrokenTransferError, Reader, Transfer


async def read(reader: Reader) -> bytes:
    async with reader:
        return b"".join([piece async for piece in reader])


async def write(transfer: Transfer, pieces: list[bytes]) -> None:
    for piece in pieces:
        await transfer.write(piece)
    transfer.complete()


@given(st.lists(st.binary(max_size=5)), st.integers(0, 20), st.integers(0, 20), st.integers(-1, 30))
def test_readers_get_just_their_part(pieces: list[bytes], start: int, size: int, limit: int) -> None:
    async def played() -> tuple[bytes, bytes]:
        transfer = Transfer(limit)
        whole, part = transfer.read(), transfer.read(range(start, start + size))
        _, *contents = await asyncio.gather(write(transfer, pieces), read(whole), read(part))
        return contents[0], contents[1]

    content = b"".join(pieces)

    assert asyncio.run(played()) == (content, content[start : start + size])


async def test_what_is_kept_can_be_read_while_it_comes_and_afterwards() -> None:
    transfer = Transfer(100)
    await transfer.write(b"a")
    early = asyncio.create_task(read(transfer.read()))
    await transfer.write(b"b")
    transfer.complete()

    assert [await early, await read(transfer.read())] == [b"ab", b"ab"]
    assert (transfer.size, transfer.is_complete, transfer.is_kept) == (2, True, True)


async def test_the_writer_of_what_is_not_kept_waits_for_the_slowest_reader() -> None:
    transfer = Transfer(-1)
    slow, fast = transfer.read(), transfer.read()
    pieces = [bytes(200_000)] * 4
    writing = asyncio.create_task(write(transfer, pieces))
    fast_reading = asyncio.create_task(read(fast))
    async with asyncio.timeout(10):
        await transfer.piece(1)

    assert not writing.done()
    assert transfer.size == 400_000

    assert len(await read(slow)) == 800_000
    assert len(await fast_reading) == 800_000
    await writing


async def test_a_reader_who_leaves_is_not_waited_for() -> None:
    transfer = Transfer(-1)
    gone, staying = transfer.read(), transfer.read()
    writing = asyncio.create_task(write(transfer, [bytes(200_000)] * 4))
    reading = asyncio.create_task(read(staying))
    async with asyncio.timeout(10):
        await transfer.piece(1)

    gone.close()

    assert len(await reading) == 800_000
    await writing


async def test_what_nobody_reads_and_nothing_keeps_is_given_up() -> None:
    transfer = Transfer(1)
    await transfer.write(b"a")

    with pytest.raises(AbandonedError):
        await transfer.write(b"b")


async def test_readers_learn_that_the_rest_will_not_come() -> None:
    transfer = Transfer(100)
    await transfer.write(b"a")
    reading = aiter(transfer.read())
    transfer.fail()

    assert await anext(reading) == b"a"
    with pytest.raises(BrokenTransferError):
        await anext(reading)
