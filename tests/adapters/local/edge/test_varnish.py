"""What is Varnish's own: that it is configured by text, and that it is a process."""

import socket

import pytest

from eventkit.errors import BackendError, ConfigurationError
from eventkit_local.edge import Behaviour, Distribution, Selection, Ttl
from eventkit_local.edge.varnish import find_varnish, open_varnish
from eventkit_local.edge.vcl import ban, vcl_of
from tests.adapters.local.edge.stage import Origin, ask, one, reply
from tests.adapters.local.processes import eventually, is_running

with_varnish = pytest.mark.skipif(
    find_varnish() is None,
    reason="varnishd is not installed: what every edge does was checked for the Python one alone",
)


@pytest.mark.parametrize(
    ("path", "condition"),
    [
        ("/a.jpg", "obj.http.X-Edge-Url == /a.jpg"),
        ("/a.jpg?x=1", "obj.http.X-Edge-Url == /a.jpg?x=1"),
        ("/a.b/*", r"obj.http.X-Edge-Url ~ ^/a\.b/"),
        ("/*", "obj.http.X-Edge-Url ~ ^/"),
    ],
)
def test_an_invalidation_path_is_a_condition_of_a_ban(path: str, condition: str) -> None:
    assert ban(path) == condition


def test_an_origin_that_is_reached_by_https_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="by http alone"):
        vcl_of(Distribution(behaviours=[Behaviour(origin="https://example.com")]))


def test_what_is_not_written_for_varnish_is_refused() -> None:
    behaviour = Behaviour(origin="http://127.0.0.1:1", response_headers={"X-Frame-Options": "DENY"})

    with pytest.raises(ConfigurationError, match="use open_edge"):
        vcl_of(Distribution(behaviours=[behaviour]))


@with_varnish
async def test_every_setting_compiles(origin: Origin) -> None:
    origin.replies["/x/page"] = reply("hello")
    chosen = Selection(headers=["Accept", "X-A"], cookies=["a", "b.c"], queries=["a", "b+c"])
    behaviours = [
        Behaviour(path_pattern="/a(b)[c]?.*", origin=origin.url, key=chosen, ttl=Ttl(minimum=0.5, error=0)),
        Behaviour(origin=f"{origin.url}/x/", forward=chosen, ttl=Ttl(default=None)),
    ]

    async with open_varnish(Distribution(behaviours=behaviours, default_root_object="a/index.html")) as edge:
        seen = await ask(edge, "/page")

    assert seen.text == "hello"


@with_varnish
async def test_it_is_gone_with_all_that_it_wrote_when_it_is_left(origin: Origin) -> None:
    async with open_varnish(one(origin)) as edge:
        was_running, had_folder = is_running(edge.pid), edge.folder.exists()

    assert was_running
    assert had_folder
    assert eventually(lambda: not is_running(edge.pid))
    assert not edge.folder.exists()


@with_varnish
async def test_a_port_that_is_taken_is_told(origin: Origin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BackendError, match="did not start"):
        async with open_varnish(one(origin), port=taken.getsockname()[1]):
            pass
