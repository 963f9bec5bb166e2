"""Mail through Amazon SES (API v2), for handlers that want a mailer.

The role needs `ses:SendEmail` on the sender's identity, best with the condition `ses:FromAddress`, and on the
identities that recipients have in the account, as in SES's sandbox all of them do.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, cast

from eventkit.errors import BackendError
from eventkit.outcomes import Reject
from eventkit_aws._calls import Call, call, code_of, on_demand, translated
from eventkit_aws._sessions import Options, imported

__all__ = ["SesClient", "SesMail", "SesMailer", "blocking_mailer", "open_mailer"]

REFUSALS = {
    "AccountSuspendedException": "the account may send no more mail",
    "BadRequestException": "an address or a header is not what SES takes",
    "MailFromDomainNotVerifiedException": "the sender's domain is not verified",
    "MessageRejected": "its content, or an address that is to be verified first; in the sandbox that is every one",
}
"""Codes of SendEmail for a mail that no repetition helps; throttling, quotas and a pause are not among them."""

MESSAGE_ID, OTHER_NAME = "Message-ID", "X-Message-ID"
"""SES makes each mail's Message-ID and takes none ("Amazon SES header fields"), so it goes by another name."""


class SesClient(Protocol):
    """What is called of a client of SES's API v2; aioboto3's is one, and `blocking(client)` of boto3's."""

    @property
    def send_email(self) -> Call: ...


class SesMail(Protocol):
    """What is sent: a mail to one address, whose fields somebody has checked for line breaks and the like."""

    @property
    def to(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class SesMailer:
    """Mail over a client that is the caller's to close."""

    def __init__(self, client: SesClient, configuration_set: str | None = None) -> None:
        """`configuration_set` names the one by which SES tells of bounces and complaints."""
        self._client = client
        self._options = {} if configuration_set is None else {"ConfigurationSetName": configuration_set}

    async def send(self, mail: SesMail) -> None:
        """Hand the mail over. A header Message-ID arrives as X-Message-ID, since SES replaces the one.

        Raises `Reject` for what SES refuses for good, and `BackendError`, after which the mail may have been sent all
        the same. SES accepts mail for addresses on its suppression list, and sends it nowhere.
        """
        try:
            await call(self._client.send_email, "SendEmail", **_request(mail), **self._options)
        except BackendError as error:
            code = code_of(error)
            if code in REFUSALS:
                raise Reject(f"SES refused the mail ({code}): {REFUSALS[code]}", error=error) from error
            raise


def _request(mail: SesMail) -> dict[str, object]:
    """SES makes the message of the parts, so none of them can become another."""
    headers = [
        {"Name": OTHER_NAME if name == MESSAGE_ID else name, "Value": value} for name, value in mail.headers.items()
    ]
    body = {"Text": _content(mail.text), "Html": _content(mail.html)}
    return {
        "FromEmailAddress": mail.sender,
        "Destination": {"ToAddresses": [mail.to]},
        "Content": {"Simple": {"Subject": _content(mail.subject), "Body": body, "Headers": headers}},
    }


def _content(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


@asynccontextmanager
async def open_mailer(url: str = "ses://", configuration_set: str | None = None) -> AsyncGenerator[SesMailer]:
    """A mailer with its own client of aioboto3; the URL may hold `region`, `endpoint` and `connections`.

    Raises `MissingExtraError`, `ConfigurationError` for any other option, and `BackendError`.
    """
    options = Options.from_url(url)
    session = imported("aioboto3").Session()
    async with AsyncExitStack() as stack:
        with translated("opening SES"):
            client = await stack.enter_async_context(session.client("sesv2", **options.client()))
        yield SesMailer(client, configuration_set)


def blocking_mailer(url: str = "ses+boto3://", configuration_set: str | None = None) -> SesMailer:
    """The same over boto3, whose calls block, for Lambda; it need not be closed. Raises `ConfigurationError`.

    boto3 is imported, and the client made, when it is first used.
    """
    options = Options.from_url(url)
    client = on_demand(lambda: imported("boto3").client("sesv2", **options.client()))
    return SesMailer(cast("SesClient", client), configuration_set)
