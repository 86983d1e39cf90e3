"""Plot how many times better than its rival each figure is."""
# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from comparison import Comparison
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

# These colors are legible on black and on white pages; the background is transparent.
_LINE_COLOR: Final = "#797979"
_BETTER_COLOR: Final = "#3b8ec2"
_WORSE_COLOR: Final = "#cc6a2b"
_INCHES_PER_BAR: Final = 0.32


def draw(comparisons: Sequence[Comparison], path: Path) -> None:
    """Draw a bar for each ratio, with its range and its target if it has one, into an SVG file."""
    bars = _labelled(comparisons)
    style: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "none",
        # The same figures always make the same file.
        "svg.hashsalt": "benchmarks",
        **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _LINE_COLOR),
    }
    with rc_context(style):
        figure = Figure(figsize=(11, 1.2 + _INCHES_PER_BAR * len(bars)), layout="constrained")
        axes = figure.subplots()
        for place, (_, comparison) in enumerate(bars):
            times = [_times_better(comparison, ratio) for ratio in comparison.ratios]
            middle = statistics.median(times)
            good = middle >= 1 if comparison.target is None else comparison.met
            axes.barh(place, middle - 1, left=1, height=0.6, color=_BETTER_COLOR if good else _WORSE_COLOR)
            axes.plot([min(times), max(times)], [place, place], color=_LINE_COLOR, linewidth=1)
            if comparison.target is not None and not comparison.target.absolute:
                target = _times_better(comparison, comparison.target.limit)
                axes.plot(target, place, "|", color=_LINE_COLOR, markersize=14)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.axvline(1, color=_LINE_COLOR, linewidth=1)
        axes.set_yticks(range(len(bars)), [label for label, _ in bars])
        axes.invert_yaxis()
        axes.margins(y=0.01)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("times better than the rival: median, range, target (tick)\norange: target missed, or worse")
        figure.savefig(path, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})


def _labelled(comparisons: Sequence[Comparison]) -> list[tuple[str, Comparison]]:
    """Return the comparisons with a rival and their labels. A line without a name continues the previous one."""
    bars: list[tuple[str, Comparison]] = []
    what = ""
    for comparison in comparisons:
        what = comparison.what or what
        if comparison.theirs:
            label = f"{what}, {comparison.unit}, against {comparison.rival.value}".replace("`", "")
            bars.append((label, comparison))
    return bars


def _times_better(comparison: Comparison, ratio: float) -> float:
    """Return the ratio, inverted for costs, where less is better."""
    return ratio if comparison.more_is_better else 1 / ratio
