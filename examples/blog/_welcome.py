"""The mail that welcomes a subscriber."""

from eventkit_handlers.welcome_email import MailTemplate
from examples.blog._items import Subscriber

__all__ = ["TEMPLATE", "address_of"]

TEMPLATE = MailTemplate(
    subject="Welcome to MyBlog",
    text="""\
Hello {{ name }},

you will hear from us when there is something new on MyBlog:
{{ site }}/

If you did not ask for this, somebody else gave us your address. You need do nothing: this is the only mail that is
sent without your having answered it.
""",
    html="""\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Welcome to MyBlog</title></head>
<body style="font-family: system-ui, sans-serif; line-height: 1.5; max-width: 36em">
<p>Hello {{ name }},</p>
<p>you will hear from us when there is something new on <a href="{{ site }}/">MyBlog</a>.</p>
<p><small>If you did not ask for this, somebody else gave us your address. You need do nothing: this is the only mail
that is sent without your having answered it.</small></p>
</body>
</html>
""",
)


def address_of(subscriber: Subscriber) -> str:
    """Where the subscriber gets mail."""
    return subscriber.address
