"""RandomWriters: concurrent random writes whose results are checked."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import UTC, datetime

from mxgateway import MxAccessError, MxGatewayTransportError, MxValue, TagClient, to_mx_value

_WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class RandomWriters:
    """Random concurrent callers of `TagClient.write`, whose results are checked against what can be true.

    Each value is written once. Strings are refused by the plant, and some callers time out early.

    Attributes:
        submitted: The values per tag, in the order of the calls.
        confirmed: The values whose write returned without an error.
        refused: The values that cannot have been written.
    """

    def __init__(self, tags: TagClient, seed: int) -> None:
        self.submitted: dict[str, list[int]] = {}
        self.confirmed: set[int] = set()
        self.refused: set[int] = set()
        self._tags = tags
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._numbers = itertools.count()

    async def write_concurrently(self, names: list[str]) -> None:
        """Start many callers within a few event loop iterations, and wait for all of them."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._random.randrange(1, 40)):
                group.create_task(self._write(self._random.choice(names)))
                if self._random.random() < 0.1:
                    await asyncio.sleep(0)

    async def _write(self, name: str) -> None:
        value = next(self._numbers)
        self.submitted.setdefault(name, []).append(value)
        is_text = self._random.random() < 0.15
        outcome = await self._outcome(name, to_mx_value(f"text {value}") if is_text else value)
        if isinstance(outcome, MxAccessError):
            assert f"{name} was not written" in str(outcome)
        elif isinstance(outcome, MxGatewayTransportError):
            assert f"{name} may have been written" in str(outcome)
        elif outcome is None:
            assert not is_text
            self.confirmed.add(value)
            await self._check_order(name, value)
        if is_text:
            self.refused.add(value)
        else:
            assert not isinstance(outcome, MxAccessError)

    async def _outcome(self, name: str, value: int | MxValue) -> Exception | None:
        timestamp = _WHEN if self._random.random() < 0.2 else None
        try:
            async with asyncio.timeout(self._random.choice([None, None, None, 0.0, 0.0005, 0.002, 0.01])):
                await self._tags.write(name, value, timestamp=timestamp)
        except (MxAccessError, MxGatewayTransportError, TimeoutError) as outcome:
            return outcome
        return None

    async def _check_order(self, name: str, value: int) -> None:
        """Check that no earlier write overtook a later one."""
        (reading,) = await self._tags.read(name)
        assert self.submitted[name].index(int(str(reading.value))) >= self.submitted[name].index(value)
