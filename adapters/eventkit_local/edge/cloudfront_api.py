"""The part of CloudFront's API that makes and shows invalidations, in its REST-XML of version 2020-05-31."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from xml.etree import ElementTree as ET

from eventkit_local.edge.invalidation import Invalidation, InvalidationError, Invalidations

__all__ = ["ApiAnswer", "ApiCall", "answer"]

_NAMESPACE = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
_PATH = re.compile(r"/2020-05-31/distribution/([^/]+)/invalidation(?:/([^/]+))?")
_PAGE = 100


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A response, whose body is XML."""

    status: HTTPStatus
    body: bytes
    location: str | None = None


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request, which has been read whole."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes = b""


async def answer(call: ApiCall, distribution: str, invalidations: Invalidations) -> ApiAnswer:
    """Answer CreateInvalidation, GetInvalidation and ListInvalidations for the distribution of that id."""
    try:
        found = _PATH.fullmatch(call.path)
        if found is None:
            raise InvalidationError("NoSuchResource", "only invalidations are served here", HTTPStatus.NOT_FOUND)
        if found[1] != distribution:
            message = f"there is no distribution {found[1]!r} here, only {distribution!r}"
            raise InvalidationError("NoSuchDistribution", message, HTTPStatus.NOT_FOUND)
        return await _done(call, found[2], invalidations)
    except InvalidationError as error:
        return ApiAnswer(error.status, _error(error))


async def _done(call: ApiCall, name: str | None, invalidations: Invalidations) -> ApiAnswer:
    match call.method, name:
        case "POST", None:
            made = await invalidations.create(*_batch(call.body))
            return ApiAnswer(HTTPStatus.CREATED, _rendered(_invalidation(made)), f"{call.path}/{made.id}")
        case "GET", None:
            return ApiAnswer(HTTPStatus.OK, _rendered(_list(invalidations.newest_first(), call.query)))
        case "GET", str(name):
            return ApiAnswer(HTTPStatus.OK, _rendered(_invalidation(invalidations.get(name))))
        case _:
            raise InvalidationError("MethodNotAllowed", f"{call.method} is not served", HTTPStatus.METHOD_NOT_ALLOWED)


def _batch(body: bytes) -> tuple[list[str], str]:
    """Read an InvalidationBatch: its paths, and the caller's reference."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - expat limits the expansion of entities, and callers are on this machine
    except ET.ParseError as error:
        raise InvalidationError("MalformedXML", f"the body is no XML: {error}") from error
    names = {"c": _NAMESPACE}
    paths = [element.text or "" for element in root.findall("c:Paths/c:Items/c:Path", names)]
    if root.findtext("c:Paths/c:Quantity", namespaces=names) != str(len(paths)):
        raise InvalidationError("InconsistentQuantities", f"Quantity must be the number of paths, {len(paths)}")
    reference = root.findtext("c:CallerReference", namespaces=names)
    if not reference:
        raise InvalidationError("InvalidArgument", "the CallerReference is missing")
    return paths, reference


def _element(name: str, text: str | None = None, *children: ET.Element) -> ET.Element:
    element = ET.Element(name)
    element.text = text
    element.extend(children)
    return element


def _summary(made: Invalidation) -> list[ET.Element]:
    created = made.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [_element("Id", made.id), _element("Status", "Completed"), _element("CreateTime", created)]


def _invalidation(made: Invalidation) -> ET.Element:
    items = _element("Items", None, *(_element("Path", path) for path in made.paths))
    paths = _element("Paths", None, _element("Quantity", str(len(made.paths))), items)
    batch = _element("InvalidationBatch", None, paths, _element("CallerReference", made.caller_reference))
    return _element("Invalidation", None, *_summary(made), batch)


def _list(made: list[Invalidation], query: Mapping[str, str]) -> ET.Element:
    """One page: what comes after the marker, which is the id of the last one before."""
    marker = query.get("Marker", "")
    ids = [invalidation.id for invalidation in made]
    start = ids.index(marker) + 1 if marker in ids else 0
    size = int(asked) if (asked := query.get("MaxItems", "")).isdecimal() and asked.isascii() else _PAGE
    page, rest = made[start : start + size], made[start + size :]
    items = [_element("InvalidationSummary", None, *_summary(invalidation)) for invalidation in page]
    return _element(
        "InvalidationList",
        None,
        _element("Marker", marker),
        *([_element("NextMarker", page[-1].id)] if rest and page else []),
        _element("MaxItems", str(size)),
        _element("IsTruncated", str(bool(rest)).lower()),
        _element("Quantity", str(len(page))),
        _element("Items", None, *items),
    )


def _error(error: InvalidationError) -> bytes:
    fields = [_element("Type", "Sender"), _element("Code", error.code), _element("Message", str(error))]
    return _rendered(
        _element("ErrorResponse", None, _element("Error", None, *fields), _element("RequestId", "eventkit-edge"))
    )


def _rendered(root: ET.Element) -> bytes:
    root.set("xmlns", _NAMESPACE)
    rendered: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return rendered
