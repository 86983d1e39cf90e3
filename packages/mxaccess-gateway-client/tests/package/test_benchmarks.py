"""The benchmarks work: every topic can be measured, and the documentation shows the results."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from comparison import Comparison, Plan, Rival, at_least, ours_below
from report.results import insert_results, markdown

PACKAGE = Path(__file__).parents[2]
BENCHMARKS = PACKAGE / "benchmarks"
PLAN = Plan(rounds=3, brief=True)

EVENTS = Comparison(
    what="events",
    unit="events/s",
    rival=Rival.RAW,
    theirs=(20_000, 50_000, 40_000),
    ours=(120_000, 125_000, 128_000),
    target=at_least(3),
    more_is_better=True,
)
LATENCY = Comparison(
    what="latency", unit="p99 ms", rival=Rival.ASYNCUA, theirs=(5, 5, 5), ours=(1, 20, 11), target=ours_below(10)
)


# The tests start dozens of processes, which is slow on a busy machine.
pytestmark = pytest.mark.timeout(600)


def run_benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark command with as few measurements as possible."""
    return run_command("--brief", "--rounds", "1", *arguments)


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark command as users do."""
    command = [sys.executable, "-X", "utf8", str(BENCHMARKS), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=580, check=False)


# The others have no test: a nightly workflow measures every topic in brief.
@pytest.mark.parametrize(
    ("topic", "what"),
    [
        ("unary", "| a command, one in flight: Write | p50 us |"),
        ("exit", "| interpreters that exit within 2 s with a stream open | of 2 |"),
        ("tags", "| 100 tags subscribed, a first value of each | round trips |"),
    ],
)
def test_topic_is_measured(topic: str, what: str) -> None:
    done = run_benchmarks("--only", topic)

    assert done.returncode == 0, done.stderr
    assert what in done.stdout


def test_asyncua_is_measured_where_it_is_installed() -> None:
    done = run_benchmarks("--only", "asyncua")

    if find_spec("asyncua") is None:
        assert done.returncode == 2
        assert "asyncua must be installed; `hatch run benchmark` does that" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "| a read of 10 tags at once | ms |" in done.stdout


@pytest.mark.parametrize("part", [["--brief"], ["--only", "unary"], ["--rounds", "4"]])
def test_only_a_complete_run_can_be_written(part: list[str]) -> None:
    done = run_command("--write", *part)

    assert done.returncode == 2
    assert "--write needs all topics at full length in at least 5 rounds" in done.stderr


def test_results_show_medians_ranges_and_missed_targets() -> None:
    results = markdown([EVENTS, LATENCY], PLAN)

    assert "Medians of 3 interleaved rounds" in results
    assert "| events | events/s | 40,000 | 125,000 | **3.20** (2.50 to 6) | ≥ 3 |" in results
    assert "| latency | p99 ms | 5 | 11 | **2.20** (0.200 to 4) | ours < 10, missed |" in results


def test_page_gets_newest_results() -> None:
    page = (PACKAGE / "docs" / "explanation" / "speed.md").read_text(encoding="utf-8")
    results = markdown([EVENTS], PLAN)

    shown = insert_results(insert_results(page, markdown([LATENCY], PLAN)), results)

    assert results in shown
    assert "latency" not in shown.partition("benchmark results: begin")[2].partition("benchmark results: end")[0]
    assert "(../assets/benchmarks.svg)" in shown
    begin, end = "<!-- benchmark results: begin -->", "<!-- benchmark results: end -->"
    assert shown.partition(begin)[0] == page.partition(begin)[0]
    assert shown.partition(end)[2] == page.partition(end)[2]
