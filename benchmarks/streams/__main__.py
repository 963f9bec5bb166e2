"""Measure in a process of one's own: `python -m benchmarks.streams full|quick` prints the samples as JSON."""

import asyncio
import json
import sys
import time
from importlib.metadata import version

from benchmarks.poller.arena import Failed, cpu_of
from benchmarks.streams.contenders import KINDS, Kind, contenders
from benchmarks.streams.measure import FULL, QUICK, Columns, Plan, consuming, measure, open_stub

PLANS = {"full": FULL, "quick": QUICK}


async def _measured(plan: Plan) -> dict[str, object]:
    found = {f"streams_{kind}": await _of_kind(plan, kind) for kind in KINDS}
    return {
        "versions": {name: version(name) for name in ("aioboto3", "aiobotocore", "aiohttp")},
        "remarks": [remark for _, remark in found.values()],
        "measured": {key: columns for key, (columns, _) in found.items()},
    }


async def _of_kind(plan: Plan, kind: Kind) -> tuple[Columns, str]:
    """The samples of a kind, and how far the stub is from being what is measured."""
    async with open_stub() as feed, consuming(contenders(kind), feed, plan.count) as consumers:
        began = time.monotonic()
        columns = await measure(plan, feed, consumers)
        share = cpu_of(feed.pid) / (time.monotonic() - began)
    return columns, f"the stub of a {kind}'s stream was busy for {share:.0%} of the time, rendering included"


def main(plan: str) -> None:
    """Measure and print."""
    if not sys.platform.startswith("linux"):
        json.dump({"versions": {}, "remarks": ["streams are measured on Linux only"], "measured": {}}, sys.stdout)
        return
    try:
        json.dump(asyncio.run(_measured(PLANS[plan])), sys.stdout)
    except Failed as failure:
        sys.exit(f"{failure} (what it wrote is above), so nothing is measured")


if __name__ == "__main__":
    main(sys.argv[1])
