"""Render the results as Markdown, and write them and the plot into the page on speed."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from comparison import Comparison, Plan, Rival

_PAGE: Final = "explanation/speed.md"
_PLOT: Final = "assets/benchmarks.svg"
_BEGIN: Final = "<!-- benchmark results: begin -->\n"
_END: Final = "<!-- benchmark results: end -->\n"
_TITLES: Final = {
    Rival.RAW: "Against raw grpc.aio",
    Rival.ASYNCUA: "Against asyncua",
    Rival.STREAM: "TagClient against the event stream that it uses",
    Rival.WATCH: "Recording and forwarding against the bare watch",
    Rival.NATS: "Against nats-py's own publishing",
    Rival.NONE: "This client alone",
}


def markdown(comparisons: Sequence[Comparison], plan: Plan) -> str:
    """Render the environment of the run, and a table for each rival."""
    parts = [f"{', '.join(_environment())}. Medians of {plan.rounds} interleaved rounds, each ratio with its range.\n"]
    for rival, title in _TITLES.items():
        rows = list(_rows(comparison for comparison in comparisons if comparison.rival is rival))
        if rows:
            parts.append(f"**{title}**\n\n" + "".join(f"{line}\n" for line in (*_header(rival), *rows)))
    return "\n".join(parts)


def write_results(docs: Path, comparisons: Sequence[Comparison], plan: Plan) -> None:
    """Write the results and their plot into the documentation."""
    from report.plot import draw  # noqa: PLC0415 - only writing results needs matplotlib

    draw(comparisons, docs / _PLOT)
    page = docs / _PAGE
    page.write_text(insert_results(page.read_text(encoding="utf-8"), markdown(comparisons, plan)), encoding="utf-8")


def insert_results(page: str, results: str) -> str:
    """Return a page whose earlier results and plot are replaced by these."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page has no section from {_BEGIN.strip()} to {_END.strip()}")
    plot = f"![How many times better than its rival each figure is](../{_PLOT})"
    return f"{before}{begin}\n{plot}\n\n{results}\n{end}{after}"


def format_figure(number: float) -> str:
    """Format a number with three significant digits."""
    if abs(number) < 1000 and number == round(number):
        return f"{number:.0f}"
    digits = 2 - math.floor(math.log10(abs(number)))
    return f"{round(number, digits):,.{max(digits, 0)}f}"


def _header(rival: Rival) -> Iterator[str]:
    if rival is Rival.NONE:
        yield "| what | unit | ours | target |"
        yield "|---|---|---:|---|"
    else:
        yield f"| what | unit | {rival.value} | ours | ours / {rival.value} | target |"
        yield "|---|---|---:|---:|---:|---|"


def _rows(comparisons: Iterable[Comparison]) -> Iterator[str]:
    for comparison in comparisons:
        cells = [comparison.what, comparison.unit]
        if comparison.theirs:
            cells.append(format_figure(comparison.their_median))
        cells.append(format_figure(comparison.median))
        if comparison.ratio is not None:
            least, most = min(comparison.ratios), max(comparison.ratios)
            cells.append(f"**{format_figure(comparison.ratio)}** ({format_figure(least)} to {format_figure(most)})")
        yield f"| {' | '.join((*cells, _target_cell(comparison)))} |"


def _target_cell(comparison: Comparison) -> str:
    target = comparison.target
    if target is None:
        return ""
    text = f"{'ours ' if target.absolute and comparison.theirs else ''}{target.sign} {target.limit:,.4g}"
    return text if comparison.met else f"{text}, missed"


def _environment() -> Iterator[str]:
    yield f"{datetime.now(UTC):%Y-%m-%d}"
    yield f"{os.cpu_count()} cores"
    yield from _processor()
    yield f"{platform.system()} {platform.machine()}"
    yield f"Python {platform.python_version()}"
    for name in ("grpcio", "protobuf", "asyncua", "mxaccess-gateway-client"):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def _processor() -> Iterator[str]:
    """Yield the processor's name if /proc/cpuinfo has it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    yield from names[:1]
