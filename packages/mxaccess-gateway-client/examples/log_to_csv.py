"""Log the changes of tags to a CSV file: python log_to_csv.py changes.csv 100 TestMachine_001.TestChangingInt ...

Losses are rows as well: readers of the file must know what is missing.
"""

import asyncio
import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

from mxgateway import ClientOptions, GatewayClient, TagChange


async def main(path: Path, rows: int, tags: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["logged at", "tag", "value", "quality", "source time", "remark"])
        async with (
            GatewayClient.connect(ClientOptions.from_env()) as client,
            client.tags("log-to-csv") as plant,
            plant.watch(*tags) as watch,
        ):
            async for item in watch:
                now = datetime.now(UTC).isoformat()
                if isinstance(item, TagChange):
                    remark = "repeated" if item.repeated else ""
                    table.writerow([now, item.tag, item.value, int(item.quality), item.timestamp, remark])
                else:
                    table.writerow([now, "", "", "", "", repr(item)])
                file.flush()
                rows -= 1
                if rows == 0:
                    break
    print(f"wrote {path}")


if len(sys.argv) < 4:
    sys.exit("usage: log_to_csv.py FILE ROWS TAG [TAG ...]")
asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
