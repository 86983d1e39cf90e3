"""Measure the client against raw grpc.aio and against asyncua: python benchmarks [--rounds 5] [--only TOPIC] [--write].

Everything is a ratio from interleaved rounds in one run, and the median of them; each contestant and each server has a
process of its own. Let nothing else run on the machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import event_rates
import imports
import interpreter_exit
import latency
import loop_lag
import memory
import opc_ua
import report
import tag_client
import unary
from comparison import Comparison, Plan
from processes import ContestantFailed

_PACKAGE: Final = Path(__file__).parents[1]
_TOPICS: Final[dict[str, Callable[[Plan], Iterator[Comparison]]]] = {
    "events": event_rates.fast_source,
    "slow-source": event_rates.slow_source,
    "streams": event_rates.many_streams,
    "latency": latency.measure,
    "loop-lag": loop_lag.measure,
    "memory": memory.measure,
    "unary": unary.measure,
    "imports": imports.measure,
    "exit": interpreter_exit.measure,
    "tags": tag_client.measure,
    "asyncua": opc_ua.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; the exit status is 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure the client against grpc.aio and asyncua.")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds (5)")
    topic = f"one of {', '.join(_TOPICS)}; may be repeated"
    parser.add_argument("--only", action="append", choices=_TOPICS, metavar="TOPIC", help=topic)
    parser.add_argument("--brief", action="store_true", help="see that everything works: the figures mean nothing")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md, the plot and the README's section")
    options = parser.parse_args(arguments)
    topics: list[str] = options.only or list(_TOPICS)
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    if options.write and (options.only or options.brief or options.rounds < 5):
        parser.error("--write: only all topics at full length, in at least 5 rounds, are worth being written")
    wanted = {"asyncua": "asyncua" in topics, "matplotlib": options.write}
    missing = [name for name, needed in wanted.items() if needed and find_spec(name) is None]
    if missing:
        parser.error(f"{' and '.join(missing)} must be installed, as `hatch run benchmark` does")
    return run(topics, Plan(rounds=options.rounds, brief=options.brief), write=options.write)


def run(topics: Sequence[str], plan: Plan, *, write: bool) -> int:
    """Measure topics, print what they come to, and write it when told to and nothing failed."""
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
    print(report.markdown(comparisons, plan))
    if write and not failed:
        report.write(_PACKAGE, comparisons, plan)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
