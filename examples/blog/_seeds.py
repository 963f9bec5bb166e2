"""The blog's first posts, so that there is something to read."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from examples.blog._photographs import Picture
from examples.blog._visitor import Visitor

__all__ = ["POSTS", "Seed", "Seeded", "seed"]


@dataclass(frozen=True, slots=True)
class Seed:
    """A post; `photos` are names of photographs."""

    title: str
    author: str
    text: str
    photos: Sequence[str] = ()
    comments: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Seeded:
    """A post that has been published, and the ids of its photos, which have been uploaded."""

    slug: str
    photos: Sequence[str]


POSTS = (
    Seed(
        "How a photograph gets here",
        "Ada",
        "The page asks the blog for a form, and sends the photograph by it straight into the bucket.\n\n"
        "The bucket tells a topic, the topic a queue, and the queue a handler. It makes the photograph in three sizes, "
        "each as WebP and as JPEG, and notes in the table that they are there.\n\n"
        "The note is a change of the table, so the CDN is told to forget this page, and the next reader sees it.",
        ["photographer", "panorama"],
    ),
    Seed(
        "Upright, and lying on its side",
        "Grace",
        "Telephones store what they saw as the sensor lay, and write down how to turn it. Whoever makes something "
        "smaller of it had better read that note, and then take it out, with where and when it was taken.",
        ["rocket", "portrait"],
        [("Alan", "Mine were all lying on their sides until last week.")],
    ),
    Seed(
        "A cat, a cup and nothing to do",
        "Barbara",
        "It rained all day.\n\nThe cat slept. I read, and drank what is in the second picture.",
        ["cat", "coffee"],
        [("Grace", "What is the cat called?"), ("Barbara", "Chelsea.")],
    ),
    Seed(
        "Far away",
        "Ada",
        "Light that has been under way for thirteen thousand million years, and somebody who has been a little nearer "
        "to where it comes from than we have.",
        ["galaxies", "astronaut"],
    ),
)


async def seed(visitor: Visitor, pictures: Mapping[str, Picture]) -> Sequence[Seeded]:
    """Publish the posts, one after another, with their photos and comments; nothing where there are posts already."""
    listed = await visitor.data("/api/posts?limit=1")
    if listed["items"]:
        return ()
    return [await _published(visitor, post, pictures) for post in POSTS]


async def _published(visitor: Visitor, post: Seed, pictures: Mapping[str, Picture]) -> Seeded:
    slug = await visitor.publish(post.title, post.text, post.author)
    photos = await asyncio.gather(*(visitor.add_photo(slug, pictures[name]) for name in post.photos))
    for author, text in post.comments:
        await visitor.comment(slug, author, text)
    return Seeded(slug, photos)
