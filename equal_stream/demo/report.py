"""What the demo did, in figures and in five pairs."""

import json
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from equal_stream.demo.corpus import THEME, in_theme
from equal_stream.demo.tally import DemoTally
from equal_stream.messages import QAPair

BEST = 5


class DemoReport(msgspec.Struct, kw_only=True, frozen=True):
    """The demo's figures; tokens as the encoder counts them.

    Parameters
    ----------
    theme_share_of_corpus, theme_share_of_spend
        Between 0 and 1; `concentration` is the second over the first.
    cap_held
        Whether what was reserved and spent stayed within the cap at every record of the ledger.
    """

    documents: int
    outcomes: dict[str, int]
    passages: int
    clusters: int
    corpus_tokens: int
    cap_tokens: int
    spent_tokens: int
    tickets: int
    pairs: int
    pairs_in_theme: int
    theme_share_of_corpus: float
    theme_share_of_spend: float
    concentration: float
    cap_held: bool
    seconds_to_first_pair: float | None
    seconds: float


def make_report(tally: DemoTally, cap: int, began: float, ended: float) -> DemoReport:
    """Return the figures of a finished demo; `began` and `ended` are monotonic seconds."""
    corpus = tally.theme_tokens / tally.corpus_tokens if tally.corpus_tokens else 0.0
    spend = tally.theme_spent / tally.spent if tally.spent else 0.0
    return DemoReport(
        documents=tally.documents,
        outcomes=dict(tally.outcomes),
        passages=tally.passages,
        clusters=len(tally.clusters),
        corpus_tokens=tally.corpus_tokens,
        cap_tokens=cap,
        spent_tokens=tally.spent,
        tickets=len(tally.held),
        pairs=len(tally.pairs),
        pairs_in_theme=sum(in_theme(pair.url) for pair in tally.pairs.values()),
        theme_share_of_corpus=corpus,
        theme_share_of_spend=spend,
        concentration=spend / corpus if corpus else 0.0,
        cap_held=tally.most_held <= cap,
        seconds_to_first_pair=None if tally.first_pair_at is None else tally.first_pair_at - began,
        seconds=ended - began,
    )


def best_pairs(tally: DemoTally) -> list[QAPair]:
    """Return the pairs that added most coverage, at most one of a document."""
    best: dict[str, QAPair] = {}
    for pair in sorted(tally.pairs.values(), key=lambda each: (-each.gain, each.qa_id)):
        best.setdefault(pair.doc_id, pair)
    return list(best.values())[:BEST]


def write_files(directory: Path, report: DemoReport, tally: DemoTally) -> list[Path]:
    """Write the pairs and the report; return the paths."""
    pairs = directory / "pairs.jsonl"
    ordered = sorted(tally.pairs.values(), key=lambda each: (-each.gain, each.qa_id))
    pairs.write_bytes(b"".join(msgspec.json.encode(pair) + b"\n" for pair in ordered))
    figures = directory / "report.json"
    figures.write_text(json.dumps(msgspec.to_builtins(report), indent=2) + "\n")
    return [pairs, figures]


def show(console: Console, report: DemoReport, pairs: list[QAPair], paths: list[Path]) -> None:
    """Print the report for a stranger."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in _rows(report):
        table.add_row(name, value)
    console.print()
    console.print(table)
    console.print("\n[bold]Five of the best pairs[/], by the coverage of the target they add:")
    for pair in pairs:
        _show_pair(console, pair)
    console.print("\n[bold]Files[/]")
    for path in paths:
        console.print(Text(f"  {path}"), soft_wrap=True)


def _rows(report: DemoReport) -> list[tuple[str, str]]:
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(report.outcomes.items()))
    share = report.spent_tokens / max(1, report.corpus_tokens)
    held = "held" if report.cap_held else "WAS EXCEEDED"
    first = report.seconds_to_first_pair
    came = "no pair came" if first is None else f"first pair after {first:.0f} s"
    spent = f"{report.spent_tokens:,} of {report.cap_tokens:,} tokens: the cap {held}"
    theme = (
        f"{report.theme_share_of_corpus:.1%} of the corpus, {report.theme_share_of_spend:.1%} of the spend"
    )
    return [
        ("Documents", f"{report.documents:,} ({outcomes})"),
        (
            "Passages",
            f"{report.passages:,} of {report.corpus_tokens:,} tokens, in {report.clusters} clusters",
        ),
        (
            "Spent",
            f"{spent}; extracting everything would have read {1 / share if share else 0:.0f} times as much",
        ),
        (
            "Pairs",
            f"{report.pairs:,} from {report.tickets:,} passages, {report.pairs_in_theme:,} in the theme",
        ),
        (f"Theme ({THEME})", f"{theme}: {report.concentration:.1f} times its share"),
        ("Time", f"{came}, all done after {report.seconds:.0f} s"),
    ]


def _show_pair(console: Console, pair: QAPair) -> None:
    place = f"{pair.url} [{pair.evidence.start}:{pair.evidence.end}]"
    rows = (
        ("Q", "bold cyan", pair.question, ""),
        ("A", "bold green", pair.answer, ""),
        ("evidence", "dim", f"“{_shortened(pair.evidence.quote)}”", "italic"),
    )
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 0))
    table.add_column(justify="right", width=10)
    table.add_column()
    for name, style, text, look in rows:
        table.add_row(Text(name, style), Text(_shortened(text), look))
    console.print()
    console.print(table)
    console.print(Text.assemble((f"{'source':>10} ", "dim"), (place, "dim")), soft_wrap=True)


def _shortened(text: str, characters: int = 240) -> str:
    text = " ".join(text.split())
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
