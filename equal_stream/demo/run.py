"""Runs the demo: starts the service, feeds it, watches it until nothing is left to buy, and reports."""

import json
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from equal_stream import topics
from equal_stream.demo.corpus import documents
from equal_stream.demo.report import DemoReport, best_pairs, make_report, show, write_files
from equal_stream.demo.tally import DemoTally
from equal_stream.errors import EqualStreamError
from equal_stream.ids import reference_id
from equal_stream.local.service import LocalService
from equal_stream.messages import CrawledDocument, ReferencePair
from equal_stream.observability.run_files import running_roles
from equal_stream.roles import ALLOCATOR
from equal_stream.settings import Settings
from equal_stream.transport.base import Transport
from equal_stream.transport.codec import encode
from equal_stream.transport.factory import open_transport

TARGET = "statistics"
DOCUMENTS = 1_000
CAP_TOKENS = 30_000  # less than a tenth of what extracting everything would read
TICKETS_PER_MINUTE = 150  # slow enough that pages which come later get their chance
LONGEST_SECONDS = 170.0
QUIET_SECONDS = 2.0  # this long nothing moved, and the demo is over
LOOK_SECONDS = 0.25
SOURCE = "demo"


class DemoFailed(EqualStreamError):
    """The demo ended without pairs, or with the cap exceeded."""


def run_demo(settings: Settings, directory: Path, console: Console) -> DemoReport:
    """Run the demo under `directory` and return its figures.

    Raises
    ------
    DemoFailed
        No pairs came, or the cap did not hold; the report has been printed.
    """
    began = time.monotonic()
    settings = demo_settings(settings, directory)
    console.print(
        f"The crawl: docstrings and READMEs of the packages installed here. The target: 60 questions about "
        f"statistics. The cap: [bold]{CAP_TOKENS:,}[/] tokens.\n"
        "No LLM is configured, so pairs come from texts that carry their own questions and definitions."
    )
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(documents, DOCUMENTS)  # while the roles load their models
        service = LocalService(settings)
        transport: Transport | None = None
        try:
            service.start()
            transport = open_transport(settings)
            feed(transport, references(), reading.result())
            tally = DemoTally(transport)
            expected = len(reading.result())
            with Live(console=console, refresh_per_second=4, transient=True) as live:
                _watch(service, tally, expected, lambda: live.update(_progress(tally, expected, began)))
        finally:
            service.stop()
            if transport is not None:
                transport.close()
    report = make_report(tally, CAP_TOKENS, began, time.monotonic())
    show(console, report, best_pairs(tally), write_files(directory, report, tally))
    if not report.pairs:
        raise DemoFailed(f"the demo produced no pairs; its log is under {directory}")
    if not report.cap_held:
        raise DemoFailed(
            f"the cap of {CAP_TOKENS} tokens was exceeded: at most {tally.most_held} were held at once"
        )
    return report


def demo_settings(settings: Settings, directory: Path) -> Settings:
    """Return the settings of the demo: embedded parts, no LLM, a cap in tokens, an even pace."""
    return settings.model_copy(
        update={
            "transport": "embedded",
            "data_dir": directory / "data",
            "budget": settings.budget.model_copy(update={"tokens_total": CAP_TOKENS, "usd_total": None}),
            "allocation": settings.allocation.model_copy(
                update={"max_tickets_per_minute": TICKETS_PER_MINUTE, "snapshot_seconds": 15.0}
            ),
            "observability": settings.observability.model_copy(update={"log_level": "WARNING", "port": 0}),
        }
    )


def references() -> list[ReferencePair]:
    """Return the demo's target."""
    text = resources.files("equal_stream.demo").joinpath(f"{TARGET}.jsonl").read_text("utf-8")
    return [
        ReferencePair(target=TARGET, ref_id=reference_id(each["question"]), **each)
        for each in map(json.loads, text.splitlines())
    ]


def feed(transport: Transport, target: list[ReferencePair], corpus: list[CrawledDocument]) -> None:
    """Publish the target, then the crawl."""
    producer = transport.producer()
    for reference in target:
        key = f"{reference.target}/{reference.ref_id}"
        producer.send(encode(reference, topic=topics.REFERENCES.name, key=key, source=SOURCE))
    for document in corpus:
        producer.send(encode(document, topic=topics.CRAWL.name, key=document.url, source=SOURCE))
    producer.close()


def _watch(service: LocalService, tally: DemoTally, expected: int, progress: Callable[[], None]) -> None:
    """Show progress until all documents are through and nothing more is bought."""
    began = moved_at = time.monotonic()
    last = -1
    while time.monotonic() - began < LONGEST_SECONDS:
        service.watch()
        tally.read()
        progress()
        state = tally.documents + tally.assigned + len(tally.held) + len(tally.pairs)
        if state != last:
            moved_at, last = time.monotonic(), state
        elif _over(service, tally, expected, moved_at):
            return
        time.sleep(LOOK_SECONDS)


def _over(service: LocalService, tally: DemoTally, expected: int, moved_at: float) -> bool:
    through = tally.documents >= expected and tally.assigned >= tally.passages and not tally.open
    if not through or time.monotonic() - moved_at < QUIET_SECONDS:
        return False
    return bool(_idle(service))


def _idle(service: LocalService) -> str:
    """Return why the allocator buys nothing, or an empty string while it may still buy."""
    for role in running_roles(service.settings.data_dir):
        if role.role != ALLOCATOR.name:
            continue
        try:
            with urllib.request.urlopen(f"{role.url}/status", timeout=5) as answer:  # noqa: S310 - our loopback
                status: dict[str, Any] = json.load(answer)
        except (OSError, ValueError):
            return ""
        return str(((status.get("allocator") or {}).get("status") or {}).get("idle") or "")
    return ""


def _progress(tally: DemoTally, expected: int, began: float) -> Table:
    table = Table.grid(padding=(0, 2))
    rows = (
        ("documents", f"{tally.documents:,} of {expected:,}"),
        ("passages", f"{tally.passages:,} in {len(tally.clusters)} clusters"),
        ("spent", f"{tally.spent:,} of {CAP_TOKENS:,} tokens"),
        ("on the theme", f"{tally.theme_spent / max(1, tally.spent):.0%} of the spend"),
        ("pairs", f"{len(tally.pairs):,}"),
        ("time", f"{time.monotonic() - began:.0f} s"),
    )
    for name, value in rows:
        table.add_row(f"[dim]{name}[/]", value)
    return table
