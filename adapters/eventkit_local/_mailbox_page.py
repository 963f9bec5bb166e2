"""The mailbox for people and programs, over HTTP.

Mails are written by strangers: their HTML is shown in a frame without scripts, forms and an origin of its own, and
fetches nothing.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from html import escape

from eventkit.errors import MissingExtraError
from eventkit_local._mail import Mail
from eventkit_local._ports import HOST

try:
    from aiohttp import web
except ModuleNotFoundError as _error:
    raise MissingExtraError(_error.name or "aiohttp", "local") from _error

__all__ = ["showing"]

Mails = Callable[[], Sequence[Mail]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

GRACE = 1.0
"""Seconds that responses have to end at the end."""

AGAIN = 3
"""Seconds after which the list is loaded again."""

PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'"
MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"

OURS = frozenset({HOST, "localhost"})
"""The hosts in addresses of this page: another name that leads here is somebody's trick to read it from a web page."""

DROPPED = (
    "Fields that an app gives to SendEmail of SES's API v2 beside a simple message, such as List-Unsubscribe, are not "
    "among them: the emulator drops them, and SES does not."
)

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884;
  overflow-wrap: anywhere; }
time { white-space: nowrap; }
iframe { width: 100%; height: 30rem; border: 1px solid #8884; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8884; padding: 1rem; }
"""


@asynccontextmanager
async def showing(mails: Mails) -> AsyncGenerator[str]:
    """Serve the page on a free port of the loopback interface for the length of the block, and give its address."""
    pages = _Pages(mails)
    app = web.Application(middlewares=[_guarded])
    app.add_routes(
        [
            web.get("/", pages.index),
            web.get("/mails.json", pages.mails),
            web.get("/style.css", pages.style),
            web.get("/{id}", pages.mail),
            web.get("/{id}/html", pages.html),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.host.partition(":")[0] not in OURS:
        raise web.HTTPMisdirectedRequest
    response = await handler(request)
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


class _Pages:
    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    async def index(self, _: web.Request) -> web.Response:
        return _page("Mailbox", _list(self._mails()), f'<meta http-equiv="refresh" content="{AGAIN}">')

    async def mails(self, _: web.Request) -> web.Response:
        return web.json_response({"mails": [mail.as_json() for mail in self._mails()]})

    async def style(self, _: web.Request) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css")

    async def mail(self, request: web.Request) -> web.Response:
        mail = self._found(request)
        return _page(mail.subject or "(no subject)", _whole(mail))

    async def html(self, request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": MAIL_POLICY}
        return web.Response(text=self._found(request).html, content_type="text/html", headers=headers)

    def _found(self, request: web.Request) -> Mail:
        for mail in self._mails():
            if mail.id == request.match_info["id"]:
                return mail
        raise web.HTTPNotFound(text="There is no such mail, or it is kept no more.")


def _page(title: str, body: str, head: str = "") -> web.Response:
    shown = escape(title)
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}<title>{shown}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>'
        f"<body><main><h1>{shown}</h1>{body}</main></body></html>"
    )
    return web.Response(text=text, content_type="text/html")


def _list(mails: Sequence[Mail]) -> str:
    if not mails:
        return "<p>No mail yet. What the app sends appears here; nothing of it leaves this machine.</p>"
    rows = "".join(
        f"<tr><td><time>{mail.received_at:%H:%M:%S}</time></td><td>{escape(', '.join(mail.recipients))}</td>"
        f'<td><a href="/{mail.id}">{escape(mail.subject or "(no subject)")}</a></td></tr>'
        for mail in mails
    )
    return f"<table><thead><tr><th>UTC</th><th>To</th><th>Subject</th></tr></thead><tbody>{rows}</tbody></table>"


def _whole(mail: Mail) -> str:
    at = f"{mail.received_at:%Y-%m-%d %H:%M:%S} UTC"
    facts = _table([("From", mail.sender), ("To", ", ".join(mail.recipients)), ("At", at)])
    text = f"<h2>Text</h2><pre>{escape(mail.text)}</pre>" if mail.text else ""
    html = f'<h2>HTML</h2><iframe sandbox title="HTML" src="/{mail.id}/html"></iframe>' if mail.html else ""
    headers = f"<h2>Header fields</h2>{_table(mail.headers)}<p>{DROPPED}</p>"
    return f'<p><a href="/">All mails</a></p>{facts}{text}{html}{headers}'


def _table(pairs: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs)
    return f"<table><tbody>{rows}</tbody></table>"
