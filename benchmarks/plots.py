"""The results as pictures, by matplotlib: text stays text, and the same figures make the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.ticker import EngFormatter, NullFormatter

from benchmarks import plan
from benchmarks.figures import FIGURES, Figure
from benchmarks.report import number
from benchmarks.results import Results

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "segment-gevent",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
OURS, OTHERS, FLOOR = "#52BD94", "#B4BCC8", "#E3E7EC"
BARS = tuple(
    figure
    for figure in FIGURES
    if (figure.case, figure.name)
    in {("calls", "median_us"), ("plain", "cpu_us"), ("steady", "slice_p999_ms"), ("memory", "bytes")}
)
LINES = (
    ("greenlets", "CPU an event, µs", "greenlets that track in turn"),
    ("sizes", "CPU an event, µs", "bytes of an event's properties"),
    ("waiting", "a track() call, median, µs", "messages that wait already"),
)


def write(results: Results, folder: Path) -> dict[str, Path]:
    """Make the pictures; returns their files by what they show."""
    folder.mkdir(exist_ok=True)
    pictures = {
        "What an event costs, beside other libraries": (folder / "overview.svg", _overview),
        "How the cost of an event grows": (folder / "growth.svg", _growth),
    }
    with mpl.rc_context(STYLE):
        for path, draw in pictures.values():
            picture = draw(results)
            picture.savefig(path, metadata={"Date": None})
            pyplot.close(picture)
    return {title: path for title, (path, _) in pictures.items()}


def _overview(results: Results) -> Any:
    picture, all_axes = pyplot.subplots(2, 2, figsize=(10, 5), layout="constrained")
    for axes, figure in zip(all_axes.flat, BARS, strict=True):
        _bars(axes, figure, results)
    return picture


def _bars(axes: Any, figure: Figure, results: Results) -> None:
    """One figure of all libraries, ours on top."""
    libraries = [name for name in reversed(plan.EVERYBODY) if name != plan.HARNESS]
    spreads = {name: results.spread(figure.case, name, figure.name) for name in libraries}
    medians = {name: spread.median for name, spread in spreads.items() if spread}
    colours = [OURS if name == plan.OURS else OTHERS if name in plan.PEERS else FLOOR for name in medians]
    bars = axes.barh(list(medians), list(medians.values()), color=colours)
    axes.bar_label(bars, fmt=number, padding=3)
    axes.set_title(f"{figure.title}, {figure.unit}".replace("`", ""), loc="left")
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)


def _growth(results: Results) -> Any:
    picture, all_axes = pyplot.subplots(1, 3, figsize=(10, 3.5), layout="constrained")
    for axes, (case, up, along) in zip(all_axes, LINES, strict=True):
        for library in plan.FEW:
            points = {
                int(name): spread.median
                for name in results.names(case)
                if (spread := results.spread(case, library, name))
            }
            if points and library != plan.HARNESS:
                axes.plot(list(points), list(points.values()), marker="o", markersize=3, label=library)
        axes.set(xscale="log", yscale="log", xlabel=along)
        axes.set_title(up, loc="left")
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    picture.legend(*all_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return picture
