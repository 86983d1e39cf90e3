"""A redundant pair under random faults: every value arrives once or lies in a reported gap, no write is repeated."""

from __future__ import annotations

import pytest

from mxgateway import GatewayClient
from support.faults.fault_runs import SEED
from support.faults.pair_run import PairRun
from support.pairs import GatewayPair


@pytest.mark.parametrize(
    "faults",
    [pytest.param(15, id="some"), pytest.param(200, id="many", marks=[pytest.mark.long, pytest.mark.timeout(300)])],
)
async def test_pair_loses_nothing_in_silence_and_repeats_no_write(faults: int) -> None:
    print(f"FAULT_SEED={SEED}")  # noqa: T201 - repeats a failed run
    async with GatewayPair() as pair:
        async with (
            GatewayClient.connect(pair.options(timeout=3, close_timeout=1)) as client,
            client.tags("faults", reconnect_delay=0.01, longest_reconnect_delay=0.05, failover_after=0.1) as tags,
        ):
            run = PairRun(SEED, pair, tags)
            await run.run(faults)

        # The run has checked each change: it follows the previous one, or a reported gap.
        assert {endpoint for endpoint, _ in run.restored} == set(pair.endpoints)
        assert run.gaps
        assert run.confirmed
        calls = [*pair.first.calls, *pair.second.calls]
        await pair.second.wait_for(lambda: not [call for call in calls if call.running])
