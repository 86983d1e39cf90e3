"""Compare the client with raw grpc.aio and with asyncua: python benchmarks [--rounds 5] [--only TOPIC] [--write].

Each result is the median of the ratios of interleaved rounds in one run. Each contestant and each server runs in its
own process. Run nothing else on the machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from comparison import Comparison, Plan
from measurements import (
    commands,
    event_rates,
    forwarding,
    imports,
    interpreter_exit,
    latency,
    loop_lag,
    memory,
    recording,
    scale,
    tags,
    tags_and_asyncua,
)
from processes import ContestantFailed
from report.results import markdown, write_results

_PACKAGE: Final = Path(__file__).parents[1]
_TOPICS: Final[dict[str, Callable[[Plan], Iterator[Comparison]]]] = {
    "events": event_rates.fast_source,
    "slow-source": event_rates.slow_source,
    "streams": event_rates.many_streams,
    "latency": latency.measure,
    "loop-lag": loop_lag.measure,
    "memory": memory.measure,
    "unary": commands.measure,
    "imports": imports.measure,
    "exit": interpreter_exit.measure,
    "tags": tags.measure,
    "scale": scale.measure,
    "asyncua": tags_and_asyncua.measure,
    "recording": recording.measure,
    "forwarding": forwarding.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; return 1 as the exit status if a topic could not be measured."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Compare the client with grpc.aio and asyncua.")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds (default 5)")
    topics_help = f"one of {', '.join(_TOPICS)}; may be repeated"
    parser.add_argument("--only", action="append", choices=_TOPICS, metavar="TOPIC", help=topics_help)
    parser.add_argument("--brief", action="store_true", help="only check that all works; the figures are meaningless")
    parser.add_argument("--write", action="store_true", help="write the results and the plot into the documentation")
    options = parser.parse_args(arguments)
    topics: list[str] = options.only or list(_TOPICS)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.write and (options.only or options.brief or options.rounds < 5):
        parser.error("--write needs all topics at full length in at least 5 rounds")
    needed = {"asyncua": "asyncua" in topics, "matplotlib": options.write}
    missing = [name for name, is_needed in needed.items() if is_needed and find_spec(name) is None]
    if missing:
        parser.error(f"{' and '.join(missing)} must be installed; `hatch run benchmark` does that")
    return run(topics, Plan(rounds=options.rounds, brief=options.brief), write=options.write)


def run(topics: Sequence[str], plan: Plan, *, write: bool) -> int:
    """Measure topics and print the results. Write them if `write` is set and every topic could be measured."""
    comparisons: list[Comparison] = []
    failed = False
    for topic in topics:
        began = time.monotonic()
        print(f"{topic} ...", end=" ", file=sys.stderr, flush=True)
        try:
            comparisons.extend(_TOPICS[topic](plan))
        except ContestantFailed as failure:
            failed = True
            print(failure, file=sys.stderr)
        else:
            print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    print(markdown(comparisons, plan))
    if write and not failed:
        write_results(_PACKAGE / "docs", comparisons, plan)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
