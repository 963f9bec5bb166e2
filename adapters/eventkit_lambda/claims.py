"""Records whose payloads lie elsewhere, in Lambda: fetched before they are handled, and cleaned up afterwards.

::

    claims = Claims(blocking_object_store(), "payloads", cleanup=True)
    backend = claim_checked(blocking_backend(), claims)
    handler = resolving(LambdaHandler(app, backend=backend), claims)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from eventkit._json import is_list, is_object
from eventkit.backends import Raw
from eventkit.decode import record_id
from eventkit_lambda._loop import run_at_once
from eventkit_lambda._response import InvocationFailed, Response
from eventkit_lambda.handler import LambdaContext

__all__ = ["Claims", "Resolved", "resolving"]

Handler = Callable[[object, LambdaContext | None], Response]


class Resolved(Protocol):
    """Records with their payloads, and those whose payload could not be fetched now."""

    @property
    def records(self) -> Sequence[Raw]:
        """Those that can be handled."""
        ...

    @property
    def failed(self) -> Sequence[Raw]:
        """Those that are to be delivered again."""
        ...


class Claims(Protocol):
    """What knows where payloads are; `eventkit_aws.claims.Claims` over a blocking store does."""

    async def resolved(self, records: Sequence[Raw]) -> Resolved:
        """The records with their payloads. It waits for nothing that takes an event loop."""
        ...

    async def cleaned(self, records: Sequence[Raw]) -> None:
        """Delete the payloads of records that are settled; likewise."""
        ...


def resolving(handler: Handler, claims: Claims) -> Handler:
    """The same function, except that it fetches the payloads of what it is given.

    What could not be fetched is reported, so that Lambda delivers it again. It raises what the function raises, and
    `InvocationFailed` where Lambda takes no partial response.
    """

    def handle(event: object, context: LambdaContext | None = None) -> Response:
        records = event.get("Records") if is_object(event) else None
        if not is_object(event) or not is_list(records) or not all(is_object(record) for record in records):
            return handler(event, context)
        resolved = run_at_once(claims.resolved(records))
        failures = _failures(resolved.failed)
        response = _handled(handler, {**event, "Records": list(resolved.records)}, context)
        left = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        run_at_once(claims.cleaned([record for record in resolved.records if record_id(record) not in left]))
        return {"batchItemFailures": [*failures, *response["batchItemFailures"]]}

    return handle


def _handled(handler: Handler, event: Mapping[str, object], context: LambdaContext | None) -> Response:
    return handler(event, context) if event["Records"] else {"batchItemFailures": []}


def _failures(failed: Sequence[Raw]) -> list[dict[str, str]]:
    identifiers = [record_id(record) for record in failed]
    if None in identifiers:
        raise InvocationFailed(f"the payloads of {len(failed)} records could not be fetched")
    return [{"itemIdentifier": identifier} for identifier in identifiers if identifier]
