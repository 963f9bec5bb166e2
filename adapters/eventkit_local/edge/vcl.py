"""A distribution in Varnish's configuration language. Pure.

The rules are those of the Python edge, as far as VCL can express them with the module `std` alone. What it cannot:
header fields that a behaviour does not select go to the origin unless they are among the usual ones of browsers, an
absent header is not told from an empty one, and there are no heuristics.
"""

import re
from collections.abc import Collection, Iterable
from textwrap import indent
from urllib.parse import urlsplit

from eventkit.errors import ConfigurationError
from eventkit_local.edge.distribution import READ_METHODS, Behaviour, Distribution, Selection
from eventkit_local.edge.freshness import ERRORS, SERVER_ERRORS

__all__ = ["ban", "vcl_of"]

_USUAL_FIELDS = (
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Authorization",
    "DNT",
    "Origin",
    "Referer",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Upgrade-Insecure-Requests",
)

_CACHEABLE = (200, 203, 204, 300, 301, 308, 410)

_COMMON = r"""
sub vcl_recv {
    if (req.restarts > 0) {
        if (req.http.X-Edge-Stale) { set req.grace = 52w; } else { set req.grace = 0s; }
        return (hash);
    }
    if (req.method ~ "^(GET|HEAD)$" && (req.http.Transfer-Encoding || req.http.Content-Length ~ "[1-9]")) {
        return (synth(403));
    }
    call edge_clear;
    call edge_root;
    set req.http.X-Edge-Path = regsub(req.url, "\?.*$", "");
    call edge_behaviour;
    if (req.method !~ "^(GET|HEAD)$" || req.http.If-Match || req.http.If-Unmodified-Since) { return (pass); }
    if (req.http.Range !~ "^bytes=(\d+-\d*|-\d+)$") { unset req.http.Range; }  # Varnish refuses several with a 416
    return (hash);
}

sub edge_clear {
    unset req.http.X-Edge-Stale;
    unset req.http.X-Edge-Had-Stale;
    unset req.http.X-Edge-Key;
    unset req.http.X-Edge-Cookie;
}

sub vcl_hash {
    hash_data(req.http.X-Edge-Url);
    hash_data(req.http.X-Edge-Key);
    return (lookup);
}

# A stale response is delivered within its window of stale-while-revalidate, which fetches in the background, and when
# the origin has just failed. Otherwise the lookup is done again and finds nothing stale, so it fetches.
sub vcl_hit {
    if (obj.ttl >= 0s || req.http.X-Edge-Stale) { return (deliver); }
    if (obj.ttl + std.duration(obj.http.X-Edge-While-Revalidating + "s", 0s) > 0s) { return (deliver); }
    if (obj.ttl + std.duration(obj.http.X-Edge-If-Error + "s", 0s) > 0s) { set req.http.X-Edge-Had-Stale = "1"; }
    return (restart);
}

sub vcl_backend_fetch {
    return (fetch);
}

sub vcl_backend_response {
    if ((@IS_SERVER_ERROR@) && bereq.http.X-Edge-Had-Stale) { return (abandon); }
    set beresp.http.X-Edge-Url = bereq.http.X-Edge-Url;
    set beresp.http.X-Edge-Path = bereq.http.X-Edge-Path;
    unset beresp.http.X-Edge-Validated;
    if (beresp.was_304) { set beresp.http.X-Edge-Validated = "1"; }
    if (bereq.method !~ "^(GET|HEAD|OPTIONS|TRACE)$" && beresp.status < 400) { call edge_written; }
    call edge_windows;
    set beresp.http.X-Edge-Minimum = "0";
    call edge_ttl;
    if (beresp.http.X-Edge-Minimum == "0") { call edge_refuse; }
    if (beresp.uncacheable) { return (deliver); }
    if (beresp.ttl <= 0s) {
        if (beresp.http.ETag || beresp.http.Last-Modified || beresp.http.Cache-Control ~ "(?i)stale-") {
            set beresp.ttl = 0.001ms;
        } else {
            set beresp.uncacheable = true;
            set beresp.ttl = 60s;
        }
    }
    set beresp.keep = 1w;
    return (deliver);
}

sub edge_written {
    ban("obj.http.X-Edge-Path == " + bereq.http.X-Edge-Path);
    if (beresp.http.Location ~ "^/") {
        ban("obj.http.X-Edge-Path == " + regsub(beresp.http.Location, "\?.*$", ""));
    }
}

sub edge_windows {
    set beresp.http.X-Edge-While-Revalidating = "0";
    set beresp.http.X-Edge-If-Error = "0";
    if (beresp.http.Cache-Control !~ "(?i)(no-cache|must-revalidate|proxy-revalidate)"
        && !(@IS_ERROR@)) {
        if (beresp.http.Cache-Control ~ "(?i)stale-while-revalidate=\d") {
            set beresp.http.X-Edge-While-Revalidating =
                regsub(beresp.http.Cache-Control, "(?i)^.*stale-while-revalidate=(\d+).*$", "\1");
        }
        if (beresp.http.Cache-Control ~ "(?i)stale-if-error=\d") {
            set beresp.http.X-Edge-If-Error =
                regsub(beresp.http.Cache-Control, "(?i)^.*stale-if-error=(\d+).*$", "\1");
        } elseif (beresp.http.Cache-Control !~ "(?i)s-maxage") {
            set beresp.http.X-Edge-If-Error = "31536000";
        }
    }
    set beresp.grace = std.duration(beresp.http.X-Edge-If-Error + "s", 0s);
    if (std.duration(beresp.http.X-Edge-While-Revalidating + "s", 0s) > beresp.grace) {
        set beresp.grace = std.duration(beresp.http.X-Edge-While-Revalidating + "s", 0s);
    }
}

sub edge_refuse {
    if (beresp.http.Cache-Control ~ "(?i)(no-store|private(?!=))" || beresp.http.Vary ~ "\*"
        || (bereq.http.Authorization && beresp.http.Cache-Control !~ "(?i)(public|s-maxage|must-revalidate)")) {
        set beresp.uncacheable = true;
        set beresp.ttl = 60s;
    }
}

sub vcl_backend_error {
    if (bereq.http.X-Edge-Had-Stale) { return (abandon); }
    set beresp.status = 502;
    set beresp.http.Content-Type = "text/plain; charset=utf-8";
    synthetic("502 Bad Gateway: the origin cannot be reached: is it running?" + {"
"});
    return (deliver);
}

sub vcl_deliver {
    if (resp.status >= 400) {
        set resp.http.X-Cache = "Error from cloudfront";
    } elseif (obj.hits > 0) {
        set resp.http.X-Cache = "Hit from cloudfront";
    } elseif (resp.http.X-Edge-Validated) {
        set resp.http.X-Cache = "RefreshHit from cloudfront";
    } else {
        set resp.http.X-Cache = "Miss from cloudfront";
    }
    unset resp.http.X-Edge-Url;
    unset resp.http.X-Edge-Path;
    unset resp.http.X-Edge-Validated;
    unset resp.http.X-Edge-Minimum;
    unset resp.http.X-Edge-While-Revalidating;
    unset resp.http.X-Edge-If-Error;
    return (deliver);
}

sub vcl_synth {
    if (resp.status == 503 && req.http.X-Edge-Had-Stale && !req.http.X-Edge-Stale) {
        set req.http.X-Edge-Stale = "1";
        return (restart);
    }
    set resp.http.X-Cache = "Error from cloudfront";
    set resp.http.Content-Type = "text/plain; charset=utf-8";
    synthetic(resp.status + " " + resp.reason + {"
"});
    return (deliver);
}
"""


def vcl_of(distribution: Distribution) -> str:
    """Write the configuration.

    Raises:
        ConfigurationError: An origin is reached by https, or a behaviour has what is not written for Varnish: a
            rewrite, response headers or error pages.
    """
    for behaviour in distribution.behaviours:
        if behaviour.rewrite or behaviour.response_headers or behaviour.error_pages:
            raise ConfigurationError(
                f"the behaviour for {behaviour.path_pattern!r} has a rewrite, response headers or error pages, which "
                "Varnish gets none of: use open_edge"
            )
    behaviours = list(enumerate(distribution.behaviours))
    common = _COMMON.replace("@IS_SERVER_ERROR@", _is_status(SERVER_ERRORS))
    parts = [
        "vcl 4.1;",
        "import std;",
        *(_backend(number, behaviour) for number, behaviour in behaviours),
        _sub("edge_root", _root(distribution.default_root_object)),
        _sub(
            "edge_behaviour", _choices("req.url", [_url_pattern(behaviour) for _, behaviour in behaviours], "edge_recv")
        ),
        _sub(
            "edge_ttl", _choices("bereq.http.X-Edge-Behaviour", [f"^{number}$" for number, _ in behaviours], "edge_ttl")
        ),
        *(_sub(f"edge_recv_{number}", _receive(number, behaviour)) for number, behaviour in behaviours),
        *(_sub(f"edge_ttl_{number}", _bounds(behaviour)) for number, behaviour in behaviours),
        common.replace("@IS_ERROR@", _is_status(ERRORS)),
    ]
    return "\n\n".join(parts)


def ban(path: str) -> str:
    """The condition of a ban for an invalidation path."""
    if path.endswith("*"):
        return f"obj.http.X-Edge-Url ~ ^{re.escape(path[:-1])}"
    return f"obj.http.X-Edge-Url == {path}"


def _sub(name: str, body: str) -> str:
    return f"sub {name} {{\n{indent(body, '    ')}\n}}"


def _any_of(names: Iterable[str]) -> str:
    return "|".join(sorted(re.escape(name) for name in names))


def _is_status(statuses: Iterable[int]) -> str:
    return " || ".join(f"beresp.status == {status}" for status in sorted(statuses))


def _backend(number: int, behaviour: Behaviour) -> str:
    origin = urlsplit(behaviour.origin)
    if origin.scheme != "http":
        raise ConfigurationError(f"Varnish reaches origins by http alone, and not {behaviour.origin!r}")
    settings = {
        "host": f'"{origin.hostname}"',
        "port": f'"{origin.port or 80}"',
        "connect_timeout": "10s",
        "first_byte_timeout": "30s",
        "between_bytes_timeout": "30s",
    }
    return f"backend origin_{number} {{ " + " ".join(f".{name} = {value};" for name, value in settings.items()) + " }"


def _root(default: str) -> str:
    return f'if (req.url ~ "^/(\\?|$)") {{ set req.url = regsub(req.url, "^/", "/{default}"); }}'


def _url_pattern(behaviour: Behaviour) -> str:
    wild = {"*": "[^?]*", "?": "[^?]"}
    pattern = behaviour.path_pattern.removeprefix("/")
    return "^/?" + "".join(wild.get(letter) or re.escape(letter) for letter in pattern) + r"(\?.*)?$"


def _choices(subject: str, patterns: list[str], name: str) -> str:
    """Call the subroutine of the first pattern that matches."""
    cases = [f'if ({subject} ~ {{"{pattern}"}}) {{ call {name}_{number}; }}' for number, pattern in enumerate(patterns)]
    return "\nelse".join(cases)


def _receive(number: int, behaviour: Behaviour) -> str:
    origin = urlsplit(behaviour.origin)
    selected = behaviour.key.with_others(behaviour.forward)
    lines = [
        f'if (req.method !~ "^({_any_of(behaviour.methods)})$") {{ return (synth(403)); }}',
        f"set req.backend_hint = origin_{number};",
        f'set req.http.Host = "{origin.netloc}";',
        f'set req.http.X-Edge-Behaviour = "{number}";',
        "set req.http.X-Edge-Url = req.url;",
        *_queries("req.http.X-Edge-Url", behaviour.key.queries),
        *_queries("req.url", selected.queries),
        f'set req.url = "{origin.path.rstrip("/")}" + req.url;',
        *_key(behaviour.key),
        *_cookies("req.http.Cookie", selected.cookies),
        *_dropped_fields(selected),
    ]
    if behaviour.ttl.maximum <= 0:
        lines.append("return (pass);")
    return "\n".join(lines)


def _queries(variable: str, names: Collection[str]) -> list[str]:
    if "*" in names:
        return []
    if not names:
        return [f'set {variable} = regsub({variable}, "\\?.*$", "");']
    steps = [("regsub", r"\?", "?&"), ("regsuball", rf"&(?!({_any_of(names)})(=|&|$))[^&]*", ""),
             ("regsub", r"\?&", "?"), ("regsub", r"\?$", "")]  # fmt: skip
    return [f'set {variable} = {function}({variable}, {{"{old}"}}, "{new}");' for function, old, new in steps]


def _cookies(variable: str, names: Collection[str]) -> list[str]:
    if "*" in names:
        return []
    if not names:
        return [f"unset {variable};"]
    steps = [("regsuball", "; +", ";"), ("regsuball", f";(?!({_any_of(names)})(=|;|$))[^;]*", ""),
             ("regsub", "^;", ""), ("regsuball", ";", "; ")]  # fmt: skip
    return [
        f'set {variable} = ";" + {variable};',
        *(f'set {variable} = {function}({variable}, {{"{old}"}}, "{new}");' for function, old, new in steps),
        f'if ({variable} == "") {{ unset {variable}; }}',
    ]


def _key(key: Selection) -> list[str]:
    lines = ["set req.http.X-Edge-Cookie = req.http.Cookie;", *_cookies("req.http.X-Edge-Cookie", key.cookies)]
    parts = [f"req.http.{name}" for name in sorted(key.header_names())] + ["req.http.X-Edge-Cookie"]
    joined = ' + "|" + '.join(parts)
    return [*lines, f"set req.http.X-Edge-Key = {joined};", "unset req.http.X-Edge-Cookie;"]


def _dropped_fields(selected: Selection) -> list[str]:
    names = selected.header_names()
    if "*" in names:
        return []
    agent = [] if "user-agent" in names else ['set req.http.User-Agent = "Amazon CloudFront";']
    dropped = [name for name in _USUAL_FIELDS if name.lower() not in names]
    reads = f'if (req.method ~ "^({_any_of(READ_METHODS)})$") {{ unset req.http.Authorization; }}'
    return [*agent, *(reads if name == "Authorization" else f"unset req.http.{name};" for name in dropped)]


def _bounds(behaviour: Behaviour) -> str:
    ttl = behaviour.ttl
    control = "beresp.http.Cache-Control"
    error = f"if (beresp.ttl < {ttl.error}s) {{ set beresp.ttl = {ttl.error}s; }}"
    unsaid = f'{control} !~ "(?i)(s-maxage|max-age)" && !beresp.http.Expires'
    default = f"if ({_is_status(_CACHEABLE)}) {{ set beresp.ttl = {ttl.default or 0}s; }}"
    return "\n".join(
        [
            f'if ({control} ~ "(?i)no-cache") {{ set beresp.ttl = 0s; }}',
            f"elseif ({_is_status(ERRORS)}) {{ {error} }}",
            f"elseif ({unsaid}) {{ set beresp.ttl = 0s; {default} }}",
            f"if (beresp.ttl > {ttl.maximum}s) {{ set beresp.ttl = {ttl.maximum}s; }}",
            f"if (beresp.ttl < {ttl.minimum}s) {{ set beresp.ttl = {ttl.minimum}s; }}",
            f'if ({ttl.minimum}s > 0s) {{ set beresp.http.X-Edge-Minimum = "1"; }}',
            "" if behaviour.takes_cookies else "unset beresp.http.Set-Cookie;",
        ]
    )
