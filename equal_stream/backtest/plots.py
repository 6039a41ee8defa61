"""Coverage against tokens as a picture: one line a policy, a band where there are several seeds."""

from pathlib import Path
from typing import Any

import numpy as np

_PICTURE = (8.0, 5.0)  # inches
_GRID = 200


def plot_curves(result: dict[str, Any], path: Path, judge: str = "coverage") -> Path:
    """Draw the curves of a backtest's result into a file; its suffix says the format: .png or .svg.

    Lines are means over seeds, bands go from the lowest to the highest seed. Tokens are a share of what
    extracting everything costs, on a logarithmic axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=_PICTURE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    grid = np.geomspace(1e-3, 1.0, _GRID)
    for name, policy in result["policies"].items():
        lines = np.array(
            [_shares(run, judge, grid, result["total_tokens"]) for run in policy.get("runs", [policy])]
        )
        (line,) = axes.plot(100 * grid, 100 * np.nanmean(lines, axis=0), label=name)
        if len(lines) > 1:
            axes.fill_between(
                100 * grid,
                100 * np.nanmin(lines, axis=0),
                100 * np.nanmax(lines, axis=0),
                color=line.get_color(),
                alpha=0.15,
                linewidth=0,
            )
    axes.set_xscale("log")
    axes.set_xlabel("tokens, % of extracting everything")
    axes.set_ylabel(f"{judge}, % of extracting everything")
    axes.set_title(f"{result['reference']}: {result['documents']:,} documents, arrival {result['arrival']}")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    figure.savefig(path)
    return path


def _shares(run: dict[str, Any], judge: str, grid: np.ndarray[Any, Any], total: int) -> np.ndarray[Any, Any]:
    tokens = np.array([point[0] for point in run["curve"]]) / total
    shares = np.array(run["judges"][judge]["curve"])
    inside = np.interp(grid, tokens, shares)
    return np.asarray(np.where(grid <= tokens[-1], inside, np.nan))
