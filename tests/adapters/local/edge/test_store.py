"""The store never has more bytes than it may, and finds what suits a request."""

from hypothesis import given
from hypothesis import strategies as st

from eventkit_local.edge.distribution import Key
from eventkit_local.edge.freshness import Policy
from eventkit_local.edge.messages import Head, Request, headers_of
from eventkit_local.edge.store import Entry, Marks, Store, varying_of
from eventkit_local.edge.transfer import Transfer
from tests.adapters.local.edge.stage import NOON


def get(**fields: str) -> Request:
    return Request("GET", "/", headers_of({name.replace("_", "-"): value for name, value in fields.items()}))


def entry(url: str, size: int = 0, vary: str = "", plain: Request | None = None) -> Entry:
    varying = varying_of(vary, plain or get())
    return Entry(Key(url), Head(200), Transfer.of(bytes(size)), Policy(60), NOON, NOON, varying)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3000))))
def test_it_never_exceeds_its_limit_and_counts_right(puts: list[tuple[str, int]]) -> None:
    store = Store(6000)

    for url, size in puts:
        store.put(entry(url, size), get())

        left = [found for name in "abcdef" if (found := store.find(Key(name), get())) is not None]
        assert store.weight == sum(each.weight for each in left) <= 6000
        assert len(store) == len(left)


def test_what_is_larger_than_the_whole_store_is_not_kept() -> None:
    store = Store(2000)

    store.put(entry("a", 2000), get())

    assert store.find(Key("a"), get()) is None
    assert store.weight == 0


def test_variants_live_beside_each_other_and_replace_their_own() -> None:
    store = Store(100_000)
    german, english = get(Accept_Language="de"), get(Accept_Language="en")
    first = entry("a", vary="Accept-Language", plain=german)
    second = entry("a", vary="Accept-Language", plain=english)
    third = entry("a", vary="Accept-Language", plain=german)

    for stored, plain in ((first, german), (second, english), (third, german)):
        store.put(stored, plain)

    assert store.find(Key("a"), german) is third
    assert store.find(Key("a"), english) is second
    assert store.find(Key("a"), get()) is None
    assert first not in store


def test_spaces_between_the_members_of_a_field_make_no_difference() -> None:
    stored = entry("a", vary="accept , x-a", plain=get(Accept="a/b, c/d"))

    assert stored.suits(get(Accept="a/b,c/d"))
    assert not stored.suits(get(Accept="c/d, a/b"))
    assert not stored.suits(get(Accept="a/b, c/d", X_A=""))


def test_what_has_gone_is_not_brought_back_by_an_update() -> None:
    store = Store(100_000)
    stored = entry("a")
    store.put(stored, get())
    store.discard(stored)

    store.update(stored)

    assert store.find(Key("a"), get()) is None


def test_marks_fade_and_the_oldest_go_first() -> None:
    marks = Marks(seconds=60, limit=2)
    for name, now in (("a", 0), ("b", 10), ("c", 20)):
        marks.add(Key(name), NOON + now)

    assert [marks.has(Key(name), NOON + 69) for name in "abc"] == [False, True, True]
    assert [marks.has(Key(name), NOON + 70) for name in "abc"] == [False, False, True]
