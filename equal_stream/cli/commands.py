"""The table of commands: name, where its code is, what it does in one line.

The code of a command is imported when it is called, and not for the list in `--help`, which therefore
answers at once. A target is a function, which becomes one command, or a `typer.Typer` with several.
"""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

RUN = "Run the service"
FEED = "Feed it and use what it makes"
LOOK = "Set up and look after it"
STUDY = "Study it"


@dataclass(frozen=True)
class CommandEntry:
    """A row of the table.

    Parameters
    ----------
    name
        What is typed.
    target
        ``module:attribute`` of a function or a `typer.Typer`.
    summary
        The line in the list of commands.
    panel
        The heading it stands under.
    settings
        Whether it takes the options that every command with settings takes (`--config`, `--set` …).
    """

    name: str
    target: str
    summary: str
    panel: str
    settings: bool = True

    @property
    def module(self) -> str:
        """The module that holds the command."""
        return self.target.partition(":")[0]

    def exists(self) -> bool:
        """Return whether the module is installed; parents are looked up, nothing heavy is imported."""
        try:
            return importlib.util.find_spec(self.module) is not None
        except ModuleNotFoundError:
            return False

    def load(self) -> Any:
        """Import the module and return the function or `typer.Typer`."""
        return getattr(importlib.import_module(self.module), self.target.partition(":")[2])


COMMANDS = (
    CommandEntry(
        "demo", "equal_stream.cli.demo:demo", "The whole service on the texts of this machine.", RUN
    ),
    CommandEntry("up", "equal_stream.cli.up:up", "All roles on this machine, until stopped.", RUN),
    CommandEntry("run", "equal_stream.cli.run:app", "One role: embedder, clusterer or allocator.", RUN),
    CommandEntry("ingest", "equal_stream.cli.ingest:ingest", "Put crawled files into crawl.documents.", FEED),
    CommandEntry("reference", "equal_stream.cli.reference:app", "Add, list and remove targets.", FEED),
    CommandEntry(
        "subscribe", "equal_stream.cli.subscribe:subscribe", "Print or write pairs as they come.", FEED
    ),
    CommandEntry("export", "equal_stream.cli.export:export", "Write training-ready files.", FEED),
    CommandEntry("status", "equal_stream.cli.status:status", "What runs, lag, money, pairs, clusters.", LOOK),
    CommandEntry("budget", "equal_stream.cli.budget:app", "Show the money, change caps, pause.", LOOK),
    CommandEntry("doctor", "equal_stream.cli.doctor:doctor", "Try each dependency and say what to do.", LOOK),
    CommandEntry(
        "topics", "equal_stream.cli.topics:app", "Create and list the topics; least privileges.", LOOK
    ),
    CommandEntry("config", "equal_stream.cli.config:app", "Show and validate the settings.", LOOK),
    CommandEntry(
        "reembed", "equal_stream.cli.reembed:reembed", "Fill a collection for another encoder.", LOOK
    ),
    CommandEntry("store", "equal_stream.cli.store:app", "List and drop collections of passages.", LOOK),
    CommandEntry("dlq", "equal_stream.cli.dlq:app", "List and replay dead letters.", LOOK),
    CommandEntry(
        "backtest", "equal_stream.cli.backtest:backtest", "Replay extractions under several policies.", STUDY
    ),
    CommandEntry("align", "equal_stream.cli.align:align", "Fine-tune the encoder on harvested pairs.", STUDY),
    CommandEntry(
        "simulate-llm",
        "equal_stream.simulate.cli:simulate_llm",
        "An LLM server that answers from recorded pairs.",
        STUDY,
        settings=False,
    ),
)
