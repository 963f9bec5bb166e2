"""Every error that eventkit raises, arranged by who must act.

::

    EventkitError
    ├── DecodeError            the sender: a record, a message or an image is not what it should be
    │   └── ValidationFailed   the sender: well-formed, but not what the user's model says
    ├── AuthorError            the app's author
    │   ├── RouteError             a handler or a source is declared wrongly
    │   ├── InjectionError         a handler's parameter cannot be provided
    │   ├── AbsentImageError       an image was read that the stream's view does not carry
    │   └── MessageTooLargeError   a message is larger than its destination takes
    ├── ConfigurationError     the operator: a name, an address or a setting is missing or wrong
    │   └── MissingExtraError      an optional dependency is not installed
    └── BackendError           the operator: AWS, or what stands for it, refused or could not be reached

No message holds a payload, a receipt handle, a token or a signature.
"""

__all__ = [
    "AbsentImageError",
    "AuthorError",
    "BackendError",
    "ConfigurationError",
    "DecodeError",
    "EventkitError",
    "InjectionError",
    "MessageTooLargeError",
    "MissingExtraError",
    "RouteError",
    "ValidationFailed",
]


class EventkitError(Exception):
    """The root of all errors of eventkit."""


class DecodeError(EventkitError):
    """A record is not what AWS or the sender should have sent. Its outcome is a reject."""


class ValidationFailed(DecodeError):  # noqa: N818 - "ValidationError" is pydantic's name, and importing both must be safe
    """A message or an image does not fit the user's model; the text names fields and rules, never values."""


class AuthorError(EventkitError):
    """The app is written wrongly; it is found at import time wherever that is possible."""


class RouteError(AuthorError):
    """A handler or a source is declared wrongly."""


class InjectionError(AuthorError):
    """A parameter of a handler or of a dependency cannot be provided."""


class AbsentImageError(AuthorError, AttributeError):
    """An image was read that the stream's view does not carry.

    It is an `AttributeError` too, so `hasattr(change, "old")` and `getattr(change, "old", None)` ask politely.
    """


class MessageTooLargeError(AuthorError):
    """A message is larger than its destination takes; nothing of what was to be sent with it was sent.

    Attributes:
        destination: What it was to be sent to: kind and address.
        size: Bytes of the message, its attributes included.
        limit: Bytes that the destination takes.
    """

    def __init__(self, destination: str, size: int, limit: int) -> None:
        super().__init__(
            f"{destination} takes messages of at most {limit} bytes, attributes included, and this one has {size}: "
            "put the payload into S3 and send a reference (eventkit_aws.claims does)"
        )
        self.destination = destination
        self.size = size
        self.limit = limit


class ConfigurationError(EventkitError):
    """A name, an address or a setting is missing or wrong; the text says which and what to set."""


class MissingExtraError(ConfigurationError):
    """An optional dependency is not installed.

    `module` is what could not be imported, `extra` the extra of the distribution `eventkit-aws` that brings it.
    """

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"{module!r} is needed here and is not installed: run  python -m pip install 'eventkit-aws[{extra}]'"
        )
        self.module = module
        self.extra = extra


class BackendError(EventkitError):
    """AWS, or what stands for it, refused a call or could not be reached; the cause is kept as `__cause__`."""
