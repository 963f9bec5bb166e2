"""The mail that welcomes a subscriber."""

from eventkit_handlers.welcome_email import MailTemplate
from examples.blog._items import Subscriber

__all__ = ["TEMPLATE", "address_of"]

TEMPLATE = MailTemplate(
    subject="Welcome to MyBlog",
    text="""\
Hello {{ name }},

you are a subscriber of MyBlog now. Its newest posts are here:
{{ site }}/

This is the only mail that we send. If you did not ask for it,
somebody else gave us your address, and you need do nothing.
""",
    html="""\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Welcome to MyBlog</title></head>
<body style="font-family: system-ui, sans-serif; line-height: 1.5; max-width: 36em">
<p>Hello {{ name }},</p>
<p>you are a subscriber of MyBlog now. <a href="{{ site }}/">Read its newest posts</a>.</p>
<p><small>This is the only mail that we send. If you did not ask for it, somebody else gave us your address, and you
need do nothing.</small></p>
</body>
</html>
""",
)


def address_of(subscriber: Subscriber) -> str:
    """Where the subscriber gets mail."""
    return subscriber.address
