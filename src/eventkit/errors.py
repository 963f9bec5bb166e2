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
        ├── ThrottledError         it was asked more often than it allows
        ├── ExpiredCursorError     a shard was not read for too long: open a new cursor
        ├── TrimmedDataError       records were to be read that are kept no more
        └── UnknownShardError      a shard is gone, with all its records

No message holds a payload, a receipt handle, a token or a signature.
"""

__all__ = [
    "AbsentImageError",
    "AuthorError",
    "BackendError",
    "ConfigurationError",
    "DecodeError",
    "EventkitError",
    "ExpiredCursorError",
    "InjectionError",
    "MessageTooLargeError",
    "MissingExtraError",
    "RouteError",
    "ThrottledError",
    "TrimmedDataError",
    "UnknownShardError",
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


class ThrottledError(BackendError):
    """The service was asked more often than it allows; the same call succeeds later."""


class ExpiredCursorError(BackendError):
    """A cursor was not used for too long: 5 minutes on Kinesis, 15 on DynamoDB Streams. Nothing is lost."""


class TrimmedDataError(BackendError):
    """The records at a position are kept no more: what lies before the oldest record that there is, is lost."""


class UnknownShardError(BackendError):
    """The shard is gone, with all its records."""
