"""Coverage against tokens as a picture: one line a policy, a band where there are several seeds."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.backtest.summary import runs_of

_PICTURE = (8.0, 5.0)  # inches
_GRID = 200


def plot_curves(result: dict[str, Any], path: Path, judge: str = "coverage") -> Path:
    """Draw the curves of a backtest's result into a file; its suffix says the format: .png or .svg.

    Lines are means over the seeds, bands go from the lowest to the highest seed; both end where the first
    of the runs does. Tokens are a share of what extracting everything costs, on a logarithmic axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=_PICTURE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, policy in result["policies"].items():
        tokens, lines = curves(policy, judge)
        (line,) = axes.plot(100 * tokens, 100 * lines.mean(axis=0), label=name)
        if len(lines) > 1:
            low, high = 100 * lines.min(axis=0), 100 * lines.max(axis=0)
            axes.fill_between(100 * tokens, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    if axes.dataLim.xmax > 0:  # something was bought
        axes.set_xscale("log")
    axes.set_xlabel("tokens, % of extracting everything")
    axes.set_ylabel(f"{judge}, % of extracting everything")
    title = f"{result['reference']}: {result['documents']:,} documents, arrival {result['arrival']}"
    axes.set_title(title, parse_math=False)  # a name is text: its dollar signs begin no formula
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the font at hand has no Chinese
        figure.savefig(path)
    return path


def curves(policy: dict[str, Any], judge: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return shares of all tokens (p,), and what a judge saw at each of them in each run: (runs, p).

    They end where the first run to end does.
    """
    runs = runs_of(policy)
    spent = [np.array([point[0] for point in run["curve"]]) / max(run["total_tokens"], 1) for run in runs]
    end = min(tokens[-1] for tokens in spent)
    begin = min((tokens[1] for tokens in spent if len(tokens) > 1), default=end)
    grid = np.geomspace(begin, end, _GRID) if 0 < begin < end else np.array([end])
    lines = [
        np.interp(grid, tokens, run["judges"][judge]["curve"])
        for tokens, run in zip(spent, runs, strict=True)
    ]
    return grid, np.array(lines)
