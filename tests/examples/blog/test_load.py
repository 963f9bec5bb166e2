"""The load: what is asked for, what is measured, and the chart of it."""

import os
import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from eventkit_local.dev import environment
from eventkit_local.serving import serving
from examples.blog._chart import Bar, Panel, chart
from examples.blog._items import Post
from examples.blog._memory import MemoryBlog
from examples.blog._store import Edit
from examples.blog._visitor import UnexpectedAnswerError, visiting
from examples.blog.api import create_api
from examples.blog.load import Deed, Load, Measured, Plan, deeds, main, measure
from tests.examples.blog.stand_ins import Forms, a_post

SVG = "{http://www.w3.org/2000/svg}"


def test_the_same_seed_asks_for_the_same_and_one_in_a_hundred_writes() -> None:
    asked = list(deeds(Plan(20_000, 100)))

    assert asked == list(deeds(Plan(20_000, 100)))
    assert asked != list(deeds(Plan(20_000, 100, seed=2)))
    kinds = Counter(deed.kind for deed in asked)
    assert kinds.keys() == {"post", "comments", "home", "comment", "edit"}
    assert 0.005 < (kinds["comment"] + kinds["edit"]) / len(asked) < 0.015


def test_the_second_post_is_read_half_as_often_as_the_first() -> None:
    ranks = Counter(deed.rank for deed in deeds(Plan(50_000, 50)))

    assert ranks.keys() == set(range(50))
    assert 0.45 < ranks[1] / ranks[0] < 0.55
    assert 0.07 < ranks[9] / ranks[0] < 0.13


def test_percentiles_are_in_milliseconds() -> None:
    measured = Measured([number / 1000 for number in range(1, 101)], hits=95, origin=5, conflicts=0)

    assert (round(measured.percentile(50)), round(measured.percentile(99))) == (50, 100)
    assert measured.share == 0.95


def test_a_chart_is_xml_whose_bars_are_as_long_as_their_values() -> None:
    drawn = chart("Cats & dogs", [Panel("<Pets>", [Bar("cats", 2, "two"), Bar("dogs", 1, "one", edge=False)])])

    root = ET.fromstring(drawn)  # noqa: S314 - it is ours
    bars = [bar for bar in root.iter(f"{SVG}rect") if bar.get("class") != "ground"]
    assert [bar.get("class") for bar in bars] == ["edge", "origin"]
    assert float(bars[0].get("width", 0)) == 2 * float(bars[1].get("width", 0))
    assert [text.text for text in root.iter(f"{SVG}text")] == ["<Pets>", "cats", "two", "dogs", "one"]
    assert "prefers-color-scheme: dark" in drawn


@pytest.mark.parametrize("kind", ["post", "comments", "comment", "edit"])
async def test_a_load_ends_with_the_first_answer_that_is_none(kind: str) -> None:
    async with serving(create_api(MemoryBlog(), Forms())) as url, visiting(url) as visitor:
        load = Load(visitor, ["nothing"], iter([Deed(kind, 0)] * 4))

        with pytest.raises(UnexpectedAnswerError, match="answered with 404"):
            await load.run(2)

    assert (load.seconds, load.conflicts) == ([], 0)


class Contested(MemoryBlog):
    """Another edit always comes first."""

    async def edit(self, post: Post, edit: Edit) -> Post | None:
        await super().edit(post, edit)
        return None


async def test_an_edit_that_comes_too_late_is_counted() -> None:
    blog = Contested()
    await blog.add(a_post())
    async with serving(create_api(blog, Forms())) as url, visiting(url) as visitor:
        load = Load(visitor, ["hello"], iter([Deed("edit", 0), Deed("post", 0)]))

        await load.run(1)

    assert (load.conflicts, len(load.seconds)) == (1, 1)


def test_a_load_that_cannot_be_made_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        assert main([]) == 1

    assert capsys.readouterr().out.startswith("The load cannot be made: ")


@pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")
async def test_the_edge_keeps_most_reads_from_the_api() -> None:
    plan = Plan(requests=600, posts=5, concurrency=4)

    through, past = await measure(plan)

    reads = sum(deed.kind in {"post", "comments", "home"} for deed in deeds(plan))
    assert len(through.seconds) == len(past.seconds) == reads
    assert (past.hits, past.origin) == (0, plan.requests)
    assert through.hits > 0.9 * reads
    assert reads - through.hits <= through.origin < 0.1 * plan.requests
    assert through.conflicts <= sum(deed == Deed("edit", deed.rank) for deed in deeds(plan))
