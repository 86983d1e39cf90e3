"""Record tags with a sink of your own, which prints averages: python custom_sink.py CHANGES TAG [TAG ...]."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from mxgateway import ClientOptions, GatewayClient
from mxgateway.recording import Recorder, RecordKind, TagRecord


class AverageSink:
    """Keeps the average of each tag, and says what is missing."""

    def __init__(self) -> None:
        self.values: defaultdict[str, list[float]] = defaultdict(list)

    async def open(self) -> datetime | None:
        """Begin without an older recording."""
        return None

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Add the values to the averages."""
        for record in records:
            if record.kind is not RecordKind.CHANGE:
                print(record.kind, record.detail)
            elif record.quality.is_good and isinstance(record.value, int | float):
                self.values[record.tag].append(record.value)

    async def close(self) -> None:
        """Print the averages."""
        for tag, values in self.values.items():
            print(tag, sum(values) / len(values))


async def main(changes: int, tags: list[str]) -> None:
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.tags("averages") as plant,
        Recorder(plant, AverageSink(), *tags) as recorder,
    ):
        await recorder.run(max_records=changes)


if len(sys.argv) < 3:
    sys.exit("usage: custom_sink.py CHANGES TAG [TAG ...]")
asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
