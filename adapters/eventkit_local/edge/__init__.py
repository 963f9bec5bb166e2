"""CloudFront on this machine: an HTTP cache before an app's origins, with CloudFront's behaviours and invalidations.

::

    distribution = Distribution(
        behaviours=[
            Behaviour(path_pattern="/api/*", origin=api, key=Selection(queries=ALL), forward=ALL_VIEWER,
                      methods=ALL_METHODS, ttl=Ttl(default=0)),
            Behaviour(origin=f"{s3}/site"),
        ],
        default_root_object="index.html",
    )
    async with open_edge(distribution) as edge:
        ...  # viewers go to edge.url; boto3.client("cloudfront", endpoint_url=edge.endpoint_url) invalidates

What it does
    It is a shared cache by RFC 9111: freshness by `s-maxage`, `max-age` and `Expires`, validation by `ETag` and
    `Last-Modified`, `Vary`, `no-store`, `private`, `no-cache`, `must-revalidate`, `proxy-revalidate`, the rules for
    `Authorization`, and invalidation by methods that write. It answers ranges out of what it has stored, knows
    `stale-while-revalidate` and `stale-if-error` (RFC 5861), and asks an origin once for requests that come together.
    `X-Cache` says what became of a request, in CloudFront's words; `Age` how old an answer is.

What a distribution decides
    Requests go to the first `Behaviour` whose path pattern covers them. Its `key` says which headers, cookies and query
    strings tell answers apart, and these go to the origin; `forward` names what goes there beside them. By default
    nothing does, as in CloudFront, so a page that needs `?page=2` must say `Selection(queries=...)` here as there.
    `Ttl` bounds how long answers live; its `default` is CloudFront's whole day for an origin that does not say.

What is seen of it
    `edge.figures`, and the same as JSON at `{edge.endpoint_url}/figures`. Each request is a line `edge.request` of the
    logger `eventkit.edge`, or goes to what `open_edge` gets as `observe`; queries and headers are not in it.

Where it differs from CloudFront
    One edge location, HTTP/1.1, no compression, no signed URLs, and of functions as much as `Behaviour.rewrite` does.
    Error pages belong to a behaviour. An invalidation is complete at once. The host that an origin sees is always its
    own. A header in `Vary` counts if it goes to the origin, even when it is not in the key. Requests with If-Match or
    If-Unmodified-Since go to the origin.

Varnish, where it is installed, can take its place: see `eventkit_local.edge.varnish`.
"""

from eventkit.errors import MissingExtraError

try:
    from eventkit_local.edge.access import Access, Figures, Observe, log_access
    from eventkit_local.edge.answers import Result
    from eventkit_local.edge.distribution import (
        ALL,
        ALL_METHODS,
        ALL_VIEWER,
        CACHING_DISABLED,
        READ_METHODS,
        Behaviour,
        Distribution,
        ErrorPage,
        Selection,
    )
    from eventkit_local.edge.flights import Clock, Limits
    from eventkit_local.edge.freshness import Ttl
    from eventkit_local.edge.origin import Timeouts
    from eventkit_local.edge.server import Edge, open_edge
except ModuleNotFoundError as _error:
    raise MissingExtraError(_error.name or "aiohttp", "local") from _error

__all__ = [
    "ALL",
    "ALL_METHODS",
    "ALL_VIEWER",
    "CACHING_DISABLED",
    "READ_METHODS",
    "Access",
    "Behaviour",
    "Clock",
    "Distribution",
    "Edge",
    "ErrorPage",
    "Figures",
    "Limits",
    "Observe",
    "Result",
    "Selection",
    "Timeouts",
    "Ttl",
    "log_access",
    "open_edge",
]
