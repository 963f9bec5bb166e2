"""What is around the app while it is developed: the site, the API, the edge, the mailbox, the second Region."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from eventkit.errors import BackendError, ConfigurationError
from eventkit_local.dev import Aws, Session, dev_session, environment, local_aws
from examples.blog._seeds import POSTS
from examples.blog._visitor import Visitor, visiting
from examples.blog.app import app
from examples.blog.dev import Blog, open_blog, services

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")


@asynccontextmanager
async def session() -> AsyncGenerator[Session]:
    with local_aws() as aws:
        async with dev_session(app, aws=aws) as opened:
            yield opened


@asynccontextmanager
async def blog() -> AsyncGenerator[tuple[Blog, Visitor]]:
    async with session() as opened, open_blog(opened) as found, visiting(found.edge.url) as visitor:
        yield found, visitor


async def test_the_pages_have_their_types_and_their_headers() -> None:
    async with blog() as (_, visitor):
        pages = {path: await visitor.read(path) for path in ("/", "/posts/any", "/style.css", "/js/api.js", "/nowhere")}

    assert {path: (page.status, page.headers["Content-Type"]) for path, page in pages.items()} == {
        "/": (200, "text/html; charset=utf-8"),
        "/posts/any": (200, "text/html; charset=utf-8"),
        "/style.css": (200, "text/css; charset=utf-8"),
        "/js/api.js": (200, "text/javascript; charset=utf-8"),
        "/nowhere": (404, "text/html; charset=utf-8"),
    }
    for page in pages.values():
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "public, max-age=300"


async def test_the_api_is_behind_the_edge_with_its_own_errors() -> None:
    async with blog() as (found, visitor):
        listing = await visitor.data("/api/posts")
        absent = await visitor.read("/api/posts/nowhere")
        original = await visitor.read("/media/uploads/any.jpg")

    assert [post["title"] for post in listing["items"]] == [post.title for post in reversed(POSTS)]
    assert len(found.posts) == len(POSTS)
    assert (absent.status, absent.headers["Content-Type"]) == (404, "application/problem+json")
    assert original.status == 404


async def test_a_post_can_be_read_in_the_second_region_and_mail_arrives_in_the_mailbox() -> None:
    async with session() as opened, open_blog(opened) as found, opened.polling():
        async with visiting(found.edge.url) as visitor:
            await visitor.subscribe("ada@example.org", "Ada")
        (mail,) = await found.mailbox.wait_for("ada@example.org")
        async with visiting(found.second) as abroad:
            health = await abroad.read("/api/health")

    assert found.edge.url in mail.text
    assert health.status == 200


async def test_the_environment_says_where_everything_is_as_long_as_the_blog_is_open() -> None:
    async with session() as opened:
        before = dict(os.environ)
        async with services(opened) as addresses:
            inside = dict(os.environ)
        assert dict(os.environ) == before

    assert list(addresses) == ["blog", "mailbox", "API", "eu-west-1", "edge"]
    assert inside["BLOG_SITE"] == addresses["blog"]
    assert inside["AWS_ENDPOINT_URL_CLOUDFRONT"] + "/figures" == addresses["edge"]
    assert inside["AWS_REGION"] == "us-east-1"


async def test_an_emulator_that_has_been_used_before_keeps_its_posts() -> None:
    with local_aws() as aws:
        async with dev_session(app, aws=aws) as opened, open_blog(opened) as first:
            pass
        again = Aws(aws.endpoint_url, aws.environ)
        async with (
            dev_session(app, aws=again) as opened,
            open_blog(opened) as second,
            visiting(second.edge.url) as visitor,
        ):
            listing = await visitor.data("/api/posts")

    assert (len(first.posts), len(second.posts), len(listing["items"])) == (len(POSTS), 0, len(POSTS))


async def test_an_emulator_may_have_another_name_and_another_region() -> None:
    with local_aws() as aws:
        port = aws.environ["AWS_ENDPOINT_URL"].rpartition(":")[2]
        elsewhere = {"AWS_ENDPOINT_URL": f"http://localhost:{port}", "AWS_REGION": "eu-west-1"}
        with environment(elsewhere), local_aws() as there:
            blogs = [await opened_at(there) for _ in range(2)]

    assert [(len(one.posts), one.region) for one in blogs] == [(len(POSTS), "us-east-1"), (0, "us-east-1")]


async def opened_at(aws: Aws) -> Blog:
    async with dev_session(app, aws=aws) as opened, open_blog(opened) as found, visiting(found.edge.url) as visitor:
        assert (await visitor.read("/")).status == 200
    return found


async def test_an_emulator_that_does_not_take_the_site_is_one_clear_error() -> None:
    async with session() as opened:
        with environment({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}), pytest.raises(BackendError, match="the site"):
            async with open_blog(opened):
                pass


async def test_mail_may_come_from_another_sender() -> None:
    with environment({"BLOG_SENDER": "Ada's blog <ada@example.com>"}):
        async with session() as opened, open_blog(opened) as found, opened.polling():
            async with visiting(found.edge.url) as visitor:
                await visitor.subscribe("grace@example.org", "Grace")
            (mail,) = await found.mailbox.wait_for("grace@example.org")

    assert mail.sender == "ada@example.com"


async def test_an_account_gets_no_blog_around_the_app() -> None:
    async with session() as opened:
        real = Session(Aws(None), opened.names, opened.plan, opened.poller, opened.backend)
        with pytest.raises(ConfigurationError, match=r"deploy template\.yaml"):
            async with open_blog(real):
                pass
