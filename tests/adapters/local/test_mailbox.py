"""Mail that is sent by SMTP is on a page, in JSON, and nowhere else."""

import asyncio
import smtplib
import socket
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import aiohttp
import pytest

from eventkit.errors import ConfigurationError
from eventkit_local._ports import listening, reserved
from eventkit_local.mailbox import Mailbox, open_mailbox

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with open_mailbox(clock=lambda: NOON) as mailbox:
        yield mailbox


def welcome(subject: str = "Grüße", to: str = "ada@example.org") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "blog@example.org", to, subject
    mail.set_content("Hello Ada <3\n")
    mail.add_alternative("<p>Hello <script>alert(1)</script> Ada</p>", subtype="html")
    return mail


def send(smtp: str, *mails: EmailMessage) -> None:
    host, _, port = smtp.partition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as connection:
        for mail in mails:
            connection.send_message(mail)


async def deliver(mailbox: Mailbox, *mails: EmailMessage) -> None:
    await asyncio.to_thread(send, mailbox.smtp, *mails)


async def got(url: str, host: str | None = None) -> tuple[int, str, Mapping[str, str]]:
    headers = {} if host is None else {"Host": host}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text(), response.headers


async def in_json(mailbox: Mailbox) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{mailbox.url}/mails.json") as response:
        found: dict[str, list[dict[str, Any]]] = await response.json()
        return found["mails"]


async def test_a_mail_that_is_sent_is_there_with_its_parts(mailbox: Mailbox) -> None:
    await deliver(mailbox, welcome())

    (mail,) = mailbox.mails
    assert (mail.sender, mail.recipients, mail.subject) == ("blog@example.org", ("ada@example.org",), "Grüße")
    assert (mail.text.split(), mail.received_at) == (["Hello", "Ada", "<3"], NOON)
    assert "<p>Hello " in mail.html
    assert ("To", "ada@example.org") in mail.headers


async def test_programs_get_the_mails_as_json_newest_first(mailbox: Mailbox) -> None:
    await deliver(mailbox, welcome("first"), welcome("second"))

    found = await in_json(mailbox)

    assert [mail["subject"] for mail in found] == ["second", "first"]
    assert found[0].keys() == {
        *("id", "received_at", "sender", "recipients", "subject", "text", "html", "headers", "size"),
    }
    assert found[0]["received_at"] == "2026-03-01T12:00:00+00:00"


async def test_the_page_lists_mails_and_shows_one_with_nothing_of_it_as_markup(mailbox: Mailbox) -> None:
    await deliver(mailbox, welcome("<b>bold</b>"))

    _, index, _ = await got(mailbox.url)
    status, page, headers = await got(f"{mailbox.url}/{mailbox.mails[0].id}")

    assert "&lt;b&gt;bold&lt;/b&gt;" in index
    assert status == 200
    assert "Hello Ada &lt;3" in page
    assert "<b>" not in index + page
    assert "alert(1)" not in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_html_of_a_mail_is_in_a_sandbox_that_fetches_nothing(mailbox: Mailbox) -> None:
    await deliver(mailbox, welcome())

    name = mailbox.mails[0].id
    _, page, _ = await got(f"{mailbox.url}/{name}")
    _, html, headers = await got(f"{mailbox.url}/{name}/html")

    assert f'<iframe sandbox title="HTML" src="/{name}/html">' in page
    assert "<p>Hello <script>" in html
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"sandbox", "default-src 'none'"} <= set(policy)
    assert not [rule for rule in policy if rule.startswith("script-src")]


async def test_the_page_says_which_headers_the_emulator_drops(mailbox: Mailbox) -> None:
    await deliver(mailbox, welcome())

    _, page, _ = await got(f"{mailbox.url}/{mailbox.mails[0].id}")

    assert "the emulator drops them" in page


async def test_another_name_for_this_machine_is_not_answered(mailbox: Mailbox) -> None:
    assert (await got(mailbox.url))[0] == 200
    assert (await got(mailbox.url, "localhost"))[0] == 200
    for host in ("attacker.example", "[", "localhost.attacker.example", "attacker.example:80@127.0.0.1"):
        assert (await got(mailbox.url, host))[0] == 421


async def test_a_mail_that_is_not_there_is_404(mailbox: Mailbox) -> None:
    assert (await got(f"{mailbox.url}/17"))[0] == 404


async def test_what_is_broken_in_a_mail_is_shown_as_it_is(mailbox: Mailbox) -> None:
    content = b"Subject: =?nonsense?x?=\r\nContent-Type: text/plain; charset=klingon\r\nFrom: \xff\xfe\r\n\r\nHello\r\n"
    mailbox.take("a@example.org", ["b@example.org"], content)

    status, _, _ = await got(f"{mailbox.url}/{mailbox.mails[0].id}")

    assert status == 200
    assert mailbox.mails[0].subject == "=?nonsense?x?="
    assert len(await in_json(mailbox)) == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/related\n\nx\n--a--\n",
            id="a part that says it has parts, and has none",
        ),
        pytest.param(b"Content-Type: text (; charset*=utf-8''b\n\nHello", id="a comment that does not end"),
    ],
)
async def test_a_body_that_cannot_be_read_is_left_out(mailbox: Mailbox, content: bytes) -> None:
    mailbox.take("a@example.org", ["b@example.org"], b"Subject: broken\r\n" + content)

    assert [(mail["subject"], mail["text"]) for mail in await in_json(mailbox)] == [("broken", "")]


async def test_the_oldest_mails_go_where_there_are_too_many(mailbox: Mailbox) -> None:
    for number in range(250):
        mailbox.take("a@example.org", ["b@example.org"], f"Subject: {number}\r\n\r\n".encode())

    assert [mailbox.mails[0].subject, mailbox.mails[-1].subject, len(mailbox.mails)] == ["249", "50", 200]


async def test_the_oldest_mails_go_where_they_are_too_large(mailbox: Mailbox) -> None:
    for number in range(6):
        mailbox.take("a@example.org", ["b@example.org"], b"Subject: %d\r\n\r\n" % number + b"x" * 7_000_000)

    assert [mail.subject for mail in mailbox.mails] == ["5", "4", "3", "2"]


async def test_a_mail_that_is_too_large_is_refused(mailbox: Mailbox) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "blog@example.org", "ada@example.org"
    mail.set_content("x" * 9_000_000)

    with pytest.raises(smtplib.SMTPException, match="exceeds fixed maximum message size"):
        await deliver(mailbox, mail)

    assert not mailbox.mails


async def test_who_waits_for_mail_to_an_address_gets_it_when_it_is_there(mailbox: Mailbox) -> None:
    waiting = asyncio.create_task(mailbox.wait_for("eve@example.org", 2))
    await deliver(mailbox, welcome(to="ada@example.org"), welcome("1", "eve@example.org"))
    assert not waiting.done()

    await deliver(mailbox, welcome("2", "eve@example.org"))

    async with asyncio.timeout(10):
        assert [mail.subject for mail in await waiting] == ["2", "1"]


async def test_a_port_that_others_know_already_is_used(mailbox: Mailbox) -> None:
    with reserved() as found:
        async with open_mailbox(found) as other:
            assert other.smtp == listening(found) != mailbox.smtp
            await deliver(other, welcome())
            assert len(other.mails) == 1


async def test_a_port_is_used_once() -> None:
    found = reserved()
    async with open_mailbox(found):
        pass

    with pytest.raises(ConfigurationError, match="opens once"):
        async with open_mailbox(found):
            pass


async def test_senders_that_stay_connected_do_not_keep_it_open() -> None:
    async with open_mailbox() as mailbox:
        host, _, port = mailbox.smtp.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert (await reader.readline()).startswith(b"220 ")

    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(socket.create_connection, (host, int(port)), 5)
