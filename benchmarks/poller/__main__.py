"""Measure in a process of one's own: `python -m benchmarks.poller full|quick` prints the samples as JSON."""

import asyncio
import json
import sys
from importlib.metadata import version
from statistics import median

from benchmarks.poller.arena import Failed, consuming, open_stub
from benchmarks.poller.contenders import ours, peers
from benchmarks.poller.measure import FULL, QUICK, Columns, Plan, growth, measure
from benchmarks.report import RESULT
from benchmarks.sections import POLLER, RATE, REQUESTS, SOCKETS

PLANS = {"full": FULL, "quick": QUICK}


async def _measured(plan: Plan) -> dict[str, object]:
    others, left_out = peers()
    contenders = [*ours(), *others]
    async with open_stub() as feed, consuming(contenders, feed.endpoint) as consumers:
        columns = await measure(plan, feed, consumers)
        grown = await growth(plan, feed, consumers)
    return {
        "versions": {name: version(name) for name in ("aioboto3", "aiobotocore", "aiohttp")},
        "remarks": [_capacity(columns), *left_out],
        "measured": {"poller": columns, "poller_growth": {RESULT: grown}},
    }


def _capacity(columns: Columns) -> str:
    """How far the stub is from being what is measured."""
    stub, mine = (
        median(
            rate * requests / 10 for rate, requests in zip(columns[RATE][name], columns[REQUESTS][name], strict=True)
        )
        for name in (SOCKETS, POLLER)
    )
    return f"the stub answers {stub:,.0f} requests a second over one connection; {POLLER} makes {mine:,.0f} of them"


def main(plan: str) -> None:
    """Measure and print."""
    if not sys.platform.startswith("linux"):
        json.dump({"versions": {}, "remarks": ["pollers are measured on Linux only"], "measured": {}}, sys.stdout)
        return
    try:
        json.dump(asyncio.run(_measured(PLANS[plan])), sys.stdout)
    except Failed as failure:
        sys.exit(f"{failure} (what it wrote is above), so nothing is measured")


if __name__ == "__main__":
    main(sys.argv[1])
