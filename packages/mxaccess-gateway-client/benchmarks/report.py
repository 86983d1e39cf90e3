"""The results as Markdown, and where they are written: RESULTS.md, the plot, and the README's section on speed."""

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

_PLOT: Final = "results.svg"
_RESULTS: Final = "RESULTS.md"
_BEGIN: Final = "<!-- benchmark results: begin -->\n"
_END: Final = "<!-- benchmark results: end -->\n"
_TITLES: Final = {
    Rival.RAW: "Against raw grpc.aio",
    Rival.ASYNCUA: "Against asyncua",
    Rival.STREAM: "TagClient against the event stream that it stands on",
    Rival.NONE: "By itself",
}


def markdown(comparisons: Sequence[Comparison], plan: Plan) -> str:
    """Where it was measured, and a table for each rival."""
    parts = [f"{', '.join(_surroundings())}. Medians of {plan.rounds} interleaved rounds, each ratio with its range.\n"]
    for rival, title in _TITLES.items():
        lines = list(_lines(comparison for comparison in comparisons if comparison.rival is rival))
        if lines:
            parts.append(f"**{title}**\n\n" + "".join(f"{line}\n" for line in (*_head(rival), *lines)))
    return "\n".join(parts)


def write(folder: Path, comparisons: Sequence[Comparison], plan: Plan) -> None:
    """Write all of it into a package's folder."""
    from plot import draw  # noqa: PLC0415 - only who writes needs matplotlib

    results = markdown(comparisons, plan)
    benchmarks = folder / "benchmarks"
    draw(comparisons, benchmarks / _PLOT)
    (benchmarks / _RESULTS).write_text(f"# Results of the benchmarks\n\n{results}", encoding="utf-8")
    readme = folder / "README.md"
    readme.write_text(put_into(readme.read_text(encoding="utf-8"), results), encoding="utf-8")


def put_into(readme: str, results: str) -> str:
    """A README with these results, and the plot, in the place of earlier ones."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the README has no place for the results, from {_BEGIN.strip()} to {_END.strip()}")
    plot = f"![How many times better than its rival each figure is](benchmarks/{_PLOT})"
    return f"{before}{begin}\n{plot}\n\n{results}\n{end}{after}"


def figure(number: float) -> str:
    """A number with three digits that count."""
    if abs(number) < 1000 and number == round(number):
        return f"{number:.0f}"
    digits = 2 - math.floor(math.log10(abs(number)))
    return f"{round(number, digits):,.{max(digits, 0)}f}"


def _head(rival: Rival) -> Iterator[str]:
    if rival is Rival.NONE:
        yield "| what | unit | ours | target |"
        yield "|---|---|---:|---|"
    else:
        yield f"| what | unit | {rival.value} | ours | ours / {rival.value} | target |"
        yield "|---|---|---:|---:|---:|---|"


def _lines(comparisons: Iterable[Comparison]) -> Iterator[str]:
    for comparison in comparisons:
        cells = [comparison.what, comparison.unit]
        if comparison.theirs:
            cells.append(figure(comparison.their_median))
        cells.append(figure(comparison.median))
        if comparison.ratio is not None:
            least, most = min(comparison.ratios), max(comparison.ratios)
            cells.append(f"**{figure(comparison.ratio)}** ({figure(least)} to {figure(most)})")
        yield f"| {' | '.join((*cells, _verdict(comparison)))} |"


def _verdict(comparison: Comparison) -> str:
    target = comparison.target
    if target is None:
        return ""
    wanted = f"{'ours ' if target.absolute and comparison.theirs else ''}{target.sign} {target.limit:,g}"
    return wanted if comparison.met else f"{wanted}, missed"


def _surroundings() -> Iterator[str]:
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
    """The processor's name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    yield from names[:1]
