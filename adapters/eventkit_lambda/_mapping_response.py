"""What an event source mapping makes of a function's raw response, for batches that report item failures. Pure.

This is AWS's side, for the model in `eventkit_lambda.testing`; the entrypoint builds its responses in `_response`.
The rules are those of "Implementing partial batch responses" for queues and "Configuring partial batch response" for
streams, and of runs against AWS that others have recorded. What neither tells is taken for a failure of the batch.
"""

import json
from collections.abc import Sequence

from eventkit._json import is_list, is_object

__all__ = ["failed", "lowest_failed"]


def failed(response: str | None, identifiers: Sequence[str | None]) -> set[str | None]:
    """Which records of a batch come again.

    `response` is the function's response as text, None where it failed or timed out; `identifiers` are those of the
    batch's records. A response without the member `batchItemFailures` is a success, whatever else it says.
    """
    everything = set(identifiers)
    if response is None:
        return everything
    try:
        said = json.loads(response)
    except ValueError:
        return everything
    entries = said.get("batchItemFailures") if is_object(said) else said
    if not entries:
        return set()
    named = [one.get("itemIdentifier") if is_object(one) else None for one in entries] if is_list(entries) else [None]
    known = all(isinstance(one, str) and one and one in everything for one in named)
    return {one for one in everything if one in named} if known else everything


def lowest_failed(response: str | None, identifiers: Sequence[str | None]) -> int | None:
    """The position of the record from which on a stream's batch comes again; None where none does."""
    again = failed(response, identifiers)
    return next((position for position, one in enumerate(identifiers) if one in again), None)
