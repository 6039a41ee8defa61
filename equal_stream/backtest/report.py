"""The HTML report of a backtest: one file with its table and its pictures in it, to be opened anywhere."""

import base64
import html
import tempfile
from pathlib import Path
from typing import Any

from equal_stream.backtest import summary
from equal_stream.backtest.plots import plot_curves

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ max-width: 100%; }}
</style>
<h1>{title}</h1>
<p>{about}</p>
{sections}
</html>
"""
_JUDGES = {
    "coverage": "Coverage of the references that no policy saw, by the encoder",
    "words": "Recall of the unseen references' words, by their rarity",
    "language-model": "Bits saved by a language model trained on the pairs bought, on the unseen references",
}
_NOTHING = "To this judge even extracting everything is worth nothing: there are no shares of it."


def write_report(result: dict[str, Any], path: Path) -> None:
    """Write the report of a backtest's result."""
    first = next(iter(result["policies"].values()))
    sections = "\n".join(_section(result, judge) for judge in first["judges"])
    worlds = [*([f"decoys {result['decoys']:g}"] if result["decoys"] else []), *result["worlds"]]
    count = len(summary.runs_of(first))
    seeds = f"seed {result['seed']}" + (f" and the {count - 1} that follow; means" if count > 1 else "")
    about = (
        f"{result['documents']:,} documents in {result['passages']:,} passages; extracting all of them costs "
        f"{result['total_tokens']:,} tokens. Arrival: {result['arrival']}; budget: "
        f"{100 * result['budget']:g} %; worlds: {', '.join(worlds) or 'none'}; {seeds}."
    )
    title = html.escape(f"Backtest for {result['reference']}")
    path.write_text(_PAGE.format(title=title, about=html.escape(about), sections=sections), encoding="utf-8")


def _section(result: dict[str, Any], judge: str) -> str:
    first = next(iter(result["policies"].values()))
    costs = list(first["judges"][judge]["cost_to"])
    timed = ["average over time"] if "time_average" in first and judge == next(iter(first["judges"])) else []
    head = "".join(
        f"<th>{each}</th>" for each in [*(f"tokens to {100 * float(share):g} %" for share in costs), *timed]
    )
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td>"
        + "".join(f"<td>{summary.cost(policy, judge, share)}</td>" for share in costs)
        + "".join(f"<td>{summary.average_over_time(policy)}</td>" for _ in timed)
        + f"<td>{summary.pairs(policy)}</td></tr>"
        for name, policy in result["policies"].items()
    )
    with tempfile.TemporaryDirectory() as directory:
        picture = plot_curves(result, Path(directory) / "curves.png", judge).read_bytes()
    nothing = "" if first["judges"][judge]["full"] > 0 else f"<p>{_NOTHING}</p>"
    image = base64.b64encode(picture).decode()
    return (
        f"<h2>{html.escape(_JUDGES.get(judge, judge))}</h2>{nothing}"
        f'<img alt="{html.escape(judge)} against tokens" src="data:image/png;base64,{image}">'
        f"<table><tr><th>policy</th>{head}<th>pairs</th></tr>{rows}</table>"
    )
