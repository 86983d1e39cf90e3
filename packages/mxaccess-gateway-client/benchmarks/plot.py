"""The results as a picture: how many times better than its rival each figure is."""
# matplotlib's own types leave out those of its keyword arguments.
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

# Each can be told from a black page and from a white one, and the background is the page's own.
_INK: Final = "#797979"
_BETTER: Final = "#3b8ec2"
_WORSE: Final = "#cc6a2b"
_INCHES_A_BAR: Final = 0.32


def draw(comparisons: Sequence[Comparison], path: Path) -> None:
    """Draw a bar for each ratio, with its range and, where it has one, its target, into an SVG."""
    bars = _with_what(comparisons)
    style: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "none",
        # The same figures make the same file.
        "svg.hashsalt": "benchmarks",
        **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    }
    with rc_context(style):
        figure = Figure(figsize=(11, 1.2 + _INCHES_A_BAR * len(bars)), layout="constrained")
        axes = figure.subplots()
        for place, (_, comparison) in enumerate(bars):
            times = [_times_better(comparison, ratio) for ratio in comparison.ratios]
            middle = statistics.median(times)
            good = middle >= 1 if comparison.target is None else comparison.met
            axes.barh(place, middle - 1, left=1, height=0.6, color=_BETTER if good else _WORSE)
            axes.plot([min(times), max(times)], [place, place], color=_INK, linewidth=1)
            if comparison.target is not None and not comparison.target.absolute:
                wanted = _times_better(comparison, comparison.target.limit)
                axes.plot(wanted, place, "|", color=_INK, markersize=14)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.axvline(1, color=_INK, linewidth=1)
        axes.set_yticks(range(len(bars)), [label for label, _ in bars])
        axes.invert_yaxis()
        axes.margins(y=0.01)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("times better than the rival: median, range, target (tick)\norange: target missed, or worse")
        figure.savefig(path, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})


def _with_what(comparisons: Sequence[Comparison]) -> list[tuple[str, Comparison]]:
    """Those with a rival, each with what it is about: a line without a name goes on with the one before."""
    bars: list[tuple[str, Comparison]] = []
    what = ""
    for comparison in comparisons:
        what = comparison.what or what
        if comparison.theirs:
            label = f"{what}, {comparison.unit}, against {comparison.rival.value}".replace("`", "")
            bars.append((label, comparison))
    return bars


def _times_better(comparison: Comparison, ratio: float) -> float:
    """More is better of a rate, less is better of a cost."""
    return ratio if comparison.more_is_better else 1 / ratio
