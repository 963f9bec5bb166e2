"""What the environment says about the blog, beside what eventkit reads there itself."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Settings"]

SENDER = "MyBlog <blog@myblog.example>"
SITE = "https://myblog.example"
REGION = "local"


@dataclass(frozen=True, slots=True)
class Settings:
    """The blog's settings, each by its variable of the environment.

    Attributes:
        distribution: `BLOG_DISTRIBUTION`, the id of the CDN's distribution; None where there is no CDN.
        configuration_set: `BLOG_CONFIGURATION_SET`, by which SES tells of bounces; None for none.
        sender: `BLOG_SENDER`, whom mail comes from.
        site: `BLOG_SITE`, where the pages are, for links in mail: without a slash at its end.
        region: `AWS_REGION`, which is noted with each write.
    """

    distribution: str | None = None
    configuration_set: str | None = None
    sender: str = SENDER
    site: str = SITE
    region: str = REGION

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read them; a variable that is empty is none."""
        return cls(
            environ.get("BLOG_DISTRIBUTION") or None,
            environ.get("BLOG_CONFIGURATION_SET") or None,
            environ.get("BLOG_SENDER") or SENDER,
            (environ.get("BLOG_SITE") or SITE).rstrip("/"),
            environ.get("AWS_REGION") or REGION,
        )
