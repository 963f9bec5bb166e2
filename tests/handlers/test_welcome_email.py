"""The handler that welcomes subscribers: what it sends, to whom, how often, and what it refuses."""

import logging
import string
import subprocess
import sys
from collections.abc import Mapping
from email import message_from_string
from email.utils import getaddresses
from html.parser import HTMLParser
from itertools import product
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from eventkit import App, BackendError, ConfigurationError, Done, Idempotent, Inserted, Queue, Reject, Retry, Table
from eventkit.testing import TestApp, stream_record
from eventkit_aws.ses import SesClient, SesMailer
from eventkit_handlers._addresses import address_of, mailbox_of
from eventkit_handlers.welcome_email import Mail, Mailer, MailTemplate, address_key, once_per_address, welcome_email
from tests.adapters.aws.fakes import FakeClient

SENDER = "MyBlog <blog@example.org>"
LINK = "https://example.org/unsubscribe?token=t"

BREAKS = [
    *("\r\n", "\n", "\r", "\n\n", "\r\n ", "\r\n\t", "\x00", "\x08", "\x0b", "\x0c", "\x1b", "\x1c", "\x1d", "\x1e"),
    *(
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\ud800",
        ",",
        ";",
        " ",
        "%0d%0a",
        "\\r\\n",
        "=0D=0A",
        "&#13;&#10;",
        "\u560d\u560a",
    ),
]
SMUGGLED = [
    *("Bcc: eve@evil.example", "bcc:eve@evil.example", "Cc: eve@evil.example", "To: eve@evil.example"),
    *("From: ceo@example.org", "Reply-To: eve@evil.example", "Subject: You have won", "X-Injected: yes"),
    *("Content-Type: text/html", "\r\n<script>alert(1)</script>", "eve@evil.example", "<eve@evil.example>"),
]
SHAPES = ["ada@example.org{0}{1}", "{1}{0}ada@example.org"]
INJECTIONS = [shape.format(*parts) for shape, parts in product(SHAPES, product(BREAKS, SMUGGLED))]


class Subscriber(BaseModel):
    email: str
    name: str = "Ada"
    source: str = "form"


subscribers = Table[Subscriber]("subscribers")
template = MailTemplate(
    subject="Welcome, {{ name }}",
    text="Hello {{ name }},\nyou leave by {{ unsubscribe }}\n",
    html='<p title="{{ name }}">Hello {{ name }}</p>',
)


class Outbox:
    """A mailer that keeps what it is given, after it has failed as it was told."""

    def __init__(self, *failures: Exception) -> None:
        self.mails: list[Mail] = []
        self.failures = list(failures)

    async def send(self, mail: Mail) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.mails.append(mail)


def email_of(subscriber: Subscriber) -> str:
    return subscriber.email


def values_of(subscriber: Subscriber) -> Mapping[str, object]:
    return {"name": subscriber.name, "unsubscribe": "the door"}


def inserted(subscriber: Subscriber) -> Inserted[Subscriber]:
    record = stream_record("INSERT", "subscribers", keys={"email": subscriber.email}, new=subscriber.model_dump())
    return cast("Inserted[Subscriber]", Inserted[object](record).typed(Subscriber.model_validate))


async def sent(subscriber: Subscriber, *, link: str | None = None, mail: MailTemplate = template) -> Mail:
    """The mail that the handler sends to one who is inserted."""
    outbox = Outbox()

    def link_of(_: Subscriber) -> str:
        return link or ""

    unsubscribe = None if link is None else link_of
    welcome = welcome_email(outbox, mail, sender=SENDER, address=email_of, values=values_of, unsubscribe=unsubscribe)
    await welcome(inserted(subscriber))
    (only,) = outbox.mails
    return only


async def test_a_subscriber_gets_one_mail_with_text_and_html(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    mail = await sent(Subscriber(email="Ada@Example.ORG"))

    assert (mail.to, mail.sender, mail.subject) == ("Ada@example.org", SENDER, "Welcome, Ada")
    assert mail.text == "Hello Ada,\nyou leave by the door\n"
    assert mail.html == '<p title="Ada">Hello Ada</p>'
    assert set(mail.headers) == {"Message-ID", "Auto-Submitted"}
    [entry] = caplog.records
    assert (entry.getMessage(), vars(entry)["message_id"]) == ("mail.sent", mail.headers["Message-ID"])


async def test_a_link_to_unsubscribe_is_offered_by_mail_programs_and_in_the_mail() -> None:
    mail = await sent(Subscriber(email="ada@example.org"), link=LINK)

    assert mail.headers["List-Unsubscribe"] == f"<{LINK}>"
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert LINK in mail.text


async def test_a_mail_shows_no_address_and_no_text_when_it_is_printed() -> None:
    assert repr(await sent(Subscriber(email="ada@example.org"))) == f"Mail(sender='{SENDER}')"


async def test_a_repetition_has_the_same_message_id_and_another_person_another() -> None:
    ids = [
        (await sent(Subscriber(email=email, name=name))).headers["Message-ID"]
        for email, name in [("ada@example.org", "Ada"), ("ADA@EXAMPLE.ORG", "A."), ("bob@example.org", "Ada")]
    ]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@example.org>")


class Page(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onload='x", "&lt;b&gt;", "{{ 7 * 7 }}", "</p>"],
)
async def test_a_name_is_text_in_html_and_stays_as_it_is_in_the_text(name: str) -> None:
    mail = await sent(Subscriber(email="ada@example.org", name=name))

    assert Page(mail.html).tags == [("p", {"title": name})]
    assert name in mail.text
    assert mail.subject == f"Welcome, {name}"


def received(mail: Mail) -> dict[str, str]:
    """The headers that a recipient would see of a mail that is put together in the most careless way."""
    headers = {"From": mail.sender, "To": mail.to, "Subject": mail.subject, **mail.headers}
    written = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return dict(message_from_string(f"{written}\r\n{mail.text}").items())


HONEST = {"From", "To", "Subject", "Message-ID", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post"}


class TestInjection:
    def test_there_are_enough(self) -> None:
        assert len(set(INJECTIONS)) >= 500

    async def test_no_address_adds_a_recipient_or_a_header(self) -> None:
        for text in INJECTIONS:
            with pytest.raises(Reject, match=r"address is refused") as raised:
                await sent(Subscriber(email=text))
            assert "evil" not in raised.value.reason

    async def test_no_name_adds_a_recipient_or_a_header(self) -> None:
        passed = 0
        for text in INJECTIONS:
            try:
                mail = await sent(Subscriber(email="ada@example.org", name=text), link=LINK)
            except Reject as reject:
                assert "evil" not in reject.reason  # noqa: PT017 - not all of them are refused
                continue
            passed += 1
            seen = received(mail)
            assert set(seen) == HONEST
            assert getaddresses([seen["To"]]) == [("", "ada@example.org")]
            assert seen["From"] == SENDER
            assert "<script" not in mail.html
        assert 0 < passed < len(INJECTIONS)

    async def test_no_link_adds_a_header(self) -> None:
        for text in INJECTIONS:
            with pytest.raises(Reject, match="the link to unsubscribe"):
                await sent(Subscriber(email="ada@example.org"), link=f"https://example.org/{text} ")

    async def test_what_is_sent_by_ses_has_one_recipient(self) -> None:
        client = FakeClient(send_email=[{}])
        welcome = welcome_email(
            SesMailer(cast("SesClient", client)), template, sender=SENDER, address=email_of, values=values_of
        )

        for text in INJECTIONS:
            for subscriber in (Subscriber(email=text), Subscriber(email="ada@example.org", name=text)):
                try:
                    await welcome(inserted(subscriber))
                except Reject:
                    continue

        requests = client.requests("send_email")
        assert requests
        assert all(one["Destination"] == {"ToAddresses": ["ada@example.org"]} for one in requests)
        assert all(one["FromEmailAddress"] == SENDER for one in requests)
        assert {header["Name"] for one in requests for header in one["Content"]["Simple"]["Headers"]} == {
            *("X-Message-ID", "Auto-Submitted")
        }

    @pytest.mark.parametrize(
        "link", ["http://example.org/", "javascript:alert(1)", "https://", "https://a>b", "https://ü"]
    )
    async def test_a_link_that_is_no_plain_https_address_is_rejected(self, link: str) -> None:
        with pytest.raises(Reject, match="https://"):
            await sent(Subscriber(email="ada@example.org"), link=link)


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "known"),
        [
            ("ada@example.org", "ada@example.org"),
            ("Ada.Lovelace+blog@EXAMPLE.org", "Ada.Lovelace+blog@example.org"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@straße.de", "ada@xn--strae-oqa.de"),
            ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-@example.org"),
            ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
            ("ada@" + ".".join(["a" * 60] * 4) + ".org", "ada@" + ".".join(["a" * 60] * 4) + ".org"),
        ],
    )
    def test_an_address_has_one_form(self, given: str, known: str) -> None:
        assert address_of(given) == address_of(known) == known

    @pytest.mark.parametrize(
        "text",
        [
            *("", "@", "ada", "ada@", "@example.org", "ada@localhost", "ada@example", "ada@example.org.", "ada@.org"),
            *("ada@@example.org", "ada@example@org.net", "ada@a..org", ".ada@example.org", "ada.@example.org"),
            *("a..b@example.org", "a b@example.org", '"a b"@example.org', '"ada"@example.org', "ada(x)@example.org"),
            *("ada@(x)example.org", "ada@[192.0.2.1]", "ada@192.0.2.1", "ada@a_b.org", "ada@-a.org", "ädä@example.org"),
            *(
                "<ada@example.org>",
                "Ada <ada@example.org>",
                "ada@example.org ",
                " ada@example.org",
                "ada\\@example.org",
            ),
            *("ada@example.org,bob@example.org", "ada;bob@example.org", "=?utf-8?q?ada?=@example.org", "a[@b.org"),
            *(
                "a" * 65 + "@example.org",
                "ada@" + "a" * 64 + ".org",
                "a" * 60 + "@" + ".".join(["a" * 60] * 3) + ".abcdefghijkl",
            ),
        ],
    )
    async def test_what_is_no_address_is_rejected_and_not_repeated(self, text: str) -> None:
        with pytest.raises(Reject, match="the subscriber's address is refused") as raised:
            await sent(Subscriber(email=text))

        assert not text.strip("@") or text not in raised.value.reason

    @given(st.text(st.characters(), max_size=80) | st.emails() | st.from_regex(r"[ -~]{1,9}@[ -~]{1,9}\.[a-z]{2}"))
    @example("a@[")
    @example("a@b.c" + "\u0130")
    def test_whatever_is_taken_is_one_plain_address_in_its_one_form(self, text: str) -> None:
        try:
            address = address_of(text)
        except ValueError:
            return
        assert address_of(address) == address
        assert mailbox_of(address) == address
        assert set(address) <= {*string.ascii_letters, *string.digits, *"!#$%&'*+-/=?^_`{|}~.@"}
        assert len(address) <= 254

    def test_spellings_of_an_address_are_one_key(self) -> None:
        assert len({address_key(one) for one in ["ada@bücher.example", "ADA@xn--bcher-kva.Example"]}) == 1

    def test_tags_and_dots_are_other_addresses(self) -> None:
        assert len({address_key(one) for one in ["ada@example.org", "a.da@example.org", "ada+x@example.org"]}) == 3


class TestMails:
    """A mail cannot be made otherwise, whoever makes it."""

    def mail(self, **fields: object) -> Mail:
        honest: dict[str, object] = {"to": "ada@example.org", "sender": SENDER, "subject": "", "text": "", "html": ""}
        return Mail(**{**honest, **fields})  # type: ignore[arg-type]

    @pytest.mark.parametrize("field", ["to", "sender"])
    @pytest.mark.parametrize("text", ["a@b.org, c@d.org", "a@B.org", "a@b.org\n", "", "a@b"])
    def test_its_addresses_are_one_each_in_their_one_form(self, field: str, text: str) -> None:
        with pytest.raises(Reject, match="an address of the mail"):
            self.mail(**{field: text})

    @pytest.mark.parametrize("name", ["Bcc", "bcc", "Reply-To", "From", "Content-Type", "X-Other", "", "A\nB"])
    def test_it_has_no_header_that_is_not_known(self, name: str) -> None:
        with pytest.raises(Reject, match="no headers other than"):
            self.mail(headers={name: "x"})

    @pytest.mark.parametrize("value", ["", "a\nb", "ü", "x" * 871])
    def test_a_header_is_a_line_of_ascii(self, value: str) -> None:
        with pytest.raises(Reject, match="printable ASCII"):
            self.mail(headers={"Message-ID": value})

    @pytest.mark.parametrize("subject", ["a\nb", "a\u2028b", "x" * 999])
    def test_a_subject_is_one_line(self, subject: str) -> None:
        with pytest.raises(Reject, match="the subject"):
            self.mail(subject=subject)

    @pytest.mark.parametrize("part", ["text", "html"])
    @pytest.mark.parametrize("text", ["a\x00b", "\x1b[2J", "\ud800"])
    def test_a_body_is_text(self, part: str, text: str) -> None:
        with pytest.raises(Reject, match="control character"):
            self.mail(**{part: text})


class TestTemplates:
    @pytest.mark.parametrize("part", ["subject", "text", "html"])
    async def test_a_value_that_is_missing_rejects_the_mail(self, part: str) -> None:
        parts = {"subject": "", "text": "", "html": "", part: "{{ nobody }}"}

        with pytest.raises(Reject, match="UndefinedError"):
            await sent(Subscriber(email="ada@example.org"), mail=MailTemplate(**parts))

    @pytest.mark.parametrize("source", ["{{ name + 1 }}", "{{ name | round }}"])
    async def test_a_value_that_is_not_what_the_template_does_with_it_rejects_the_mail(self, source: str) -> None:
        with pytest.raises(Reject, match="TypeError"):
            await sent(Subscriber(email="ada@example.org"), mail=MailTemplate(subject="", text=source, html=""))

    @pytest.mark.parametrize("part", ["subject", "text", "html"])
    def test_what_is_no_template_is_told_at_once(self, part: str) -> None:
        parts = {"subject": "", "text": "", "html": "", part: "x\n{% if %}"}

        with pytest.raises(ConfigurationError, match=f"{part} of the template, line 2"):
            MailTemplate(**parts)

    @pytest.mark.parametrize("module", ["jinja2", "idna"])
    def test_a_missing_extra_is_told(self, module: str) -> None:
        code = f"import sys; sys.modules[{module!r}] = None; import eventkit_handlers.welcome_email"

        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

        assert "MissingExtraError" in done.stderr
        assert "eventkit-aws[email]" in done.stderr


class TestSenders:
    @pytest.mark.parametrize(
        ("given", "written"),
        [
            ("blog@example.org", "blog@example.org"),
            ("Bücher <blog@example.org>", "=?utf-8?q?B=C3=BCcher?= <blog@example.org>"),
            ('"Blog, My" <blog@Example.org>', '"Blog, My" <blog@example.org>'),
        ],
    )
    async def test_a_sender_has_a_name_or_none(self, given: str, written: str) -> None:
        outbox = Outbox()

        await welcome_email(outbox, template, sender=given, address=email_of, values=values_of)(
            inserted(Subscriber(email="ada@example.org"))
        )

        assert outbox.mails[0].sender == written
        assert outbox.mails[0].headers["Message-ID"].endswith("@example.org>")

    @pytest.mark.parametrize(
        ("sender", "reason"),
        [
            ("", "(not exactly one address|its domain is not one)"),
            ("a@b.org, c@d.org", "not exactly one address"),
            ("Blog", "its domain is not one"),
            ("a@localhost", "its domain is not one"),
            ("Blog\r\nBcc: x <a@b.org>", "a line break"),
        ],
    )
    def test_what_is_not_one_address_is_told_at_once(self, sender: str, reason: str) -> None:
        with pytest.raises(ConfigurationError, match=f"sender=.*{reason}"):
            welcome_email(Outbox(), template, sender=sender, address=email_of)


class TestHowOften:
    """In Lambda and in the poller, with a store."""

    @pytest.fixture(params=["lambda", "poller"])
    def runtime(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    arrivals = Queue[Subscriber]("arrivals")

    def app(self, mailer: Mailer) -> App:
        """The handler behind a queue, which both runtimes read."""
        app = App("blog")
        welcome = welcome_email(mailer, template, sender=SENDER, address=email_of, values=values_of)
        once: Idempotent[Subscriber] = Idempotent(key=lambda subscriber: address_key(subscriber.email))

        @app.on(self.arrivals, idempotent=once)
        async def arrive(subscriber: Subscriber) -> None:
            await welcome(inserted(subscriber))

        return app

    async def test_a_second_event_for_the_same_person_sends_no_second_mail(self, runtime: str) -> None:
        outbox = Outbox()

        async with TestApp(self.app(outbox), runtime=runtime) as t:
            t.send(self.arrivals, Subscriber(email="ada@example.org"), Subscriber(email="ada@example.org"))
            await t.settle()
            t.send(self.arrivals, Subscriber(email="ada@example.org"), Subscriber(email="bob@example.org"))
            await t.settle(advance="1h")

        assert [mail.to for mail in outbox.mails] == ["ada@example.org", "bob@example.org"]
        assert set(t.outcomes) == {Done()}

    async def test_another_spelling_and_another_item_of_the_same_person_send_no_second_mail(self, runtime: str) -> None:
        outbox = Outbox()

        async with TestApp(self.app(outbox), runtime=runtime) as t:
            t.send(self.arrivals, Subscriber(email="ada@example.org"))
            await t.settle()
            t.send(self.arrivals, Subscriber(email="Ada@EXAMPLE.org"))
            t.send(self.arrivals, Subscriber(email="ada@example.org", name="Countess", source="import"))
            await t.settle(advance="1h")

        assert [mail.to for mail in outbox.mails] == ["ada@example.org"]

    async def test_a_mail_that_could_not_be_handed_over_is_sent_later_and_once(self, runtime: str) -> None:
        outbox = Outbox(BackendError("throttled"), ConnectionResetError())

        async with TestApp(self.app(outbox), runtime=runtime) as t:
            t.send(self.arrivals, Subscriber(email="ada@example.org"))
            await t.settle(advance="1h")

        assert len(outbox.mails) == 1
        assert [type(outcome) for outcome in t.outcomes] == [Retry, Retry, Done]

    async def test_a_refused_mail_goes_to_the_dead_letters_and_is_sent_when_it_comes_back(self, runtime: str) -> None:
        outbox = Outbox(Reject("SES refused the mail"))

        async with TestApp(self.app(outbox), runtime=runtime) as t:
            t.send(self.arrivals, Subscriber(email="ada@example.org"), Subscriber(email="ada@localhost"))
            await t.settle(advance="1m")
            dead = t.dead_letters(self.arrivals)
            t.send(self.arrivals, Subscriber(email="ada@example.org"))
            await t.settle(advance="1m")

        assert {one.reason for one in dead} == {
            "SES refused the mail",
            "the subscriber's address is refused: its domain is not one on the internet",
        }
        assert [mail.to for mail in outbox.mails] == ["ada@example.org"]

    async def test_a_table_feeds_it_and_a_repeated_record_sends_no_second_mail(self) -> None:
        outbox = Outbox()
        app = App("blog")
        welcome = welcome_email(outbox, template, sender=SENDER, address=email_of, values=values_of)
        app.on(subscribers.inserted(), idempotent=once_per_address(email_of))(welcome)

        async with TestApp(app) as t:
            for _ in range(2):
                t.change(subscribers, new=Subscriber(email="ada@example.org"))
            t.change(subscribers, new=Subscriber(email="bob@example.org"))
            t.change(subscribers, old=Subscriber(email="bob@example.org"), new=Subscriber(email="bob@example.org"))
            await t.settle(advance="1h")

        assert [mail.to for mail in outbox.mails] == ["ada@example.org", "bob@example.org"]
        assert set(t.outcomes) == {Done()}

    def test_the_key_of_what_is_no_address_leaves_it_to_the_handler(self) -> None:
        once = once_per_address(email_of)

        assert once.key(inserted(Subscriber(email="no address"))) == "no address"
        assert once.ttl == 365 * 86_400
