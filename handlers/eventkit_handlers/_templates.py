"""Subject, text and HTML of a mail, out of templates (Jinja2)."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit.outcomes import Reject

try:
    from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError
except ModuleNotFoundError as error:
    raise MissingExtraError("jinja2", "email") from error

__all__ = ["MailTemplate", "Rendered"]

HTML: Final = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
PLAIN: Final = Environment(
    autoescape=False,  # noqa: S701 - plain text, in which &amp; would be read as it stands
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)


class Rendered(NamedTuple):
    """A template with its values filled in."""

    subject: str
    text: str
    html: str


class MailTemplate:
    """A mail with gaps: `MailTemplate(subject="Welcome, {{ name }}", text="…", html="<p>…")`.

    Values are escaped in `html`, as in text and in quoted attributes; a link that is a value may still be a
    `javascript:` one, so make links of your own. A template says which values it wants, and one that is missing is an
    error, not an empty place.
    """

    def __init__(self, *, subject: str, text: str, html: str) -> None:
        """Raises `ConfigurationError` for what is no template."""
        self._subject = _compiled(PLAIN, "subject", subject)
        self._text = _compiled(PLAIN, "text", text)
        self._html = _compiled(HTML, "html", html)

    def render(self, values: Mapping[str, object]) -> Rendered:
        """The mail's parts. Raises `Reject` where a value is missing, or is not what the template does with it."""
        try:
            return Rendered(self._subject.render(values), self._text.render(values), self._html.render(values))
        except Exception as error:  # whatever values and template make of each other, they will make of it again
            reason = f"the template cannot be filled in ({type(error).__name__}): compare its values with those given"
            raise Reject(reason, error=error) from error


def _compiled(environment: Environment, part: str, source: str) -> Template:
    try:
        return environment.from_string(source)
    except TemplateSyntaxError as error:
        raise ConfigurationError(f"{part} of the template, line {error.lineno}: {error.message}") from error
