"""Measure the client against raw grpc.aio: python benchmarks [--rounds 5] [--write].

Everything is a ratio from interleaved rounds in one run, the median of them; each contestant has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"


@contextmanager
def source(rate: float) -> Generator[str]:
    """The fast source of events in a process of its own."""
    process = subprocess.Popen([sys.executable, HERE / "source.py", str(rate)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def simulated_gateway() -> Generator[tuple[str, str]]:
    """A simulated gateway in a process of its own."""
    code = (
        "import asyncio\nfrom mxgateway.testing import SimulatedGateway\n"
        "async def main():\n"
        "    async with SimulatedGateway(ramp_interval=None) as gateway:\n"
        "        print(gateway.endpoint, gateway.api_key, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        endpoint, key = process.stdout.readline().split()
        yield endpoint, key
    finally:
        process.kill()
        process.communicate()


def run(contestant: str, *arguments: object) -> dict[str, float]:
    """One round of one contestant."""
    command = [sys.executable, str(HERE / "contestants.py"), contestant, *map(str, arguments)]
    figures: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return figures


def interleaved(rounds: int, what: str, *arguments: object) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Rounds of raw and ours in turn."""
    return [(run(f"raw-{what}", *arguments), run(f"our-{what}", *arguments)) for _ in range(rounds)]


def row(what: str, unit: str, key: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> str:
    """A line of the table: the median of raw, of ours, and of their ratios with its range."""
    ratios = sorted(ours[key] / raw[key] for raw, ours in pairs)
    raw, ours = (statistics.median(side[key] for side in sides) for sides in zip(*pairs, strict=True))
    ratio = f"**{statistics.median(ratios):.3g}** ({ratios[0]:.3g} to {ratios[-1]:.3g})"
    return f"| {what} | {unit} | {raw:,.6g} | {ours:,.6g} | {ratio} |"


def imports(rounds: int) -> list[tuple[dict[str, float], dict[str, float]]]:
    """What importing costs, in a fresh interpreter each."""
    timed = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
    names = ("grpc.aio, mxaccess_gateway.v1.mxaccess_gateway_pb2_grpc", "mxgateway")
    pairs: list[tuple[dict[str, float], dict[str, float]]] = []
    for _ in range(rounds):
        raw, ours = (
            float(subprocess.run([sys.executable, "-c", timed.format(name)], check=True, capture_output=True).stdout)
            for name in names
        )
        pairs.append(({"ms": raw * 1000}, {"ms": ours * 1000}))
    return pairs


def measure(rounds: int) -> Iterator[str]:
    """All lines of the table."""
    with source(0) as endpoint:
        events = interleaved(rounds, "events", endpoint, 100_000)
    yield row("events from a fast source", "events/s", "per_second", events)
    yield row("", "CPU us an event", "cpu_us", events)
    for rate, count in ((1_000, 2_000), (20_000, 40_000)):
        with source(rate) as endpoint:
            latency = interleaved(rounds, "latency", endpoint, count)
        yield row(f"latency at {rate:,} events/s", "p50 ms", "p50_ms", latency)
        yield row("", "p99 ms", "p99_ms", latency)
    with simulated_gateway() as (endpoint, key):
        yield row("a write, one in flight", "p50 us", "p50_us", interleaved(rounds, "unary", endpoint, 1_000, key))
    yield row("import", "ms", "ms", imports(rounds))


def _surroundings(rounds: int) -> Iterator[str]:
    yield f"{datetime.now(UTC):%Y-%m-%d}"
    yield f"{os.cpu_count()} cores"
    yield f"{platform.system()} {platform.machine()}"
    yield f"Python {platform.python_version()}"
    yield from (f"{name} {version(name)}" for name in ("grpcio", "protobuf"))
    yield f"medians of {rounds} interleaved rounds; ratios with their range."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the table into RESULTS.md")
    options = parser.parse_args()
    lines = [
        "# Against raw grpc.aio",
        "",
        ", ".join(_surroundings(options.rounds)),
        "",
        "| what | unit | raw | ours | ours / raw |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines))
    for line in measure(options.rounds):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
