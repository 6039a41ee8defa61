"""What became of the records of the files: published, or passed over with a reason; nothing is uncounted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equal_stream.feed.base import FeedProblem

MOST_LISTED = 10_000  # problems that are kept to be listed; all are counted


@dataclass
class IngestReport:
    """Counts of one run.

    Parameters
    ----------
    tell
        Called with a sentence as it comes up: files that broke, and with `verbose` every problem.
    verbose
        Whether every problem is told.
    """

    tell: Callable[[str], None]
    verbose: bool = False
    files: int = 0
    published: int = 0
    faults: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Records read."""
        return self.published + self.skipped.total()

    @property
    def failed(self) -> bool:
        """Whether a file broke, or there was nothing to publish because of faults."""
        return bool(self.broken) or (not self.published and self.faults > 0)

    def add_problem(self, path: Path, problem: FeedProblem) -> None:
        """Count a record that became no document."""
        self.skipped[problem.reason] += 1
        self.faults += problem.fault
        if len(self.problems) < MOST_LISTED:
            entry = {"file": str(path), "where": problem.where, "reason": problem.reason}
            self.problems.append(entry | {"sentence": problem.sentence})
        if self.verbose:
            self.tell(f"{path}, {problem.where}: {problem.sentence} [{problem.reason}]")

    def add_broken(self, sentence: str) -> None:
        """Count a file that could not be read to its end."""
        if len(self.broken) < MOST_LISTED:
            self.broken.append(sentence)
        self.tell(sentence)

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs."""
        return {
            "files": self.files,
            "records": self.records,
            "published": self.published,
            "skipped": dict(self.skipped.most_common()),
            "broken": self.broken,
            "problems": self.problems,
            "problems_not_listed": self.skipped.total() - len(self.problems),
        }
