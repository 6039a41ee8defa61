"""Everything `status` shows, gathered from the log and from the roles of this machine."""

from typing import Any

import httpx2
import msgspec

from equal_stream.cli.books import Books, read_books, shares
from equal_stream.cli.money import budget_json
from equal_stream.observability.lag import lag_of
from equal_stream.observability.run_files import RunningRole, running_roles
from equal_stream.roles import ALLOCATOR, PROCESSES, Role
from equal_stream.settings import Settings
from equal_stream.topics import CONSUMED, CRAWL, DOCUMENT_OUTCOMES, EMBEDDED, dead_letter
from equal_stream.transport.base import Transport

ANSWER_SECONDS = 2.0
REACHED = ("coverage", "touched", "distance", "distance_of_crawl", "audited_pairs")  # of a TargetStatus
Node = dict[str, Any]


def overview(settings: Settings, transport: Transport) -> tuple[Node, Books]:
    """Return what `status --json` prints, and the books it was made from."""
    books = read_books(transport)
    running = [live(role) for role in running_roles(settings.data_dir)]
    return {
        "transport": settings.transport,
        "data_dir": str(settings.data_dir),
        "roles": [
            {
                "role": role.name,
                "lag": lag_of(transport, role),
                "processes": [each for each in running if _is_of(each, role)],
            }
            for role in PROCESSES
        ],
        "other_processes": [
            each for each in running if each["role"] not in {role.name for role in PROCESSES}
        ],
        "records": _records(transport),
        "budget": budget_json(settings.budget, books),
        "tickets": dict(books.tickets),
        "pairs": _pairs(books),
        "clusters": {
            "alive": len(books.alive),
            "shares": [msgspec.to_builtins(each) for each in shares(books)],
        },
        "targets": {target: len(ids) for target, ids in sorted(books.references.items()) if ids},
        "reached": _reached(running),
    }, books


def _is_of(process: Node, role: Role) -> bool:
    """Return whether a process runs a role; the second embedder of `up` calls itself ``embedder-1``."""
    name: str = process["role"]
    return name == role.name or name.startswith(f"{role.name}-")


def _reached(running: list[Node]) -> dict[str, Node]:
    """Return by target what the allocator of this machine says of it; empty when none answers."""
    for process in running:
        status = (process.get(ALLOCATOR.name) or {}).get("status") or {}
        if status.get("targets"):
            return {each["name"]: {name: each.get(name) for name in REACHED} for each in status["targets"]}
    return {}


def live(role: RunningRole) -> Node:
    """Return what a role of this machine says about itself, or that it does not answer."""
    known = {"role": role.role, "pid": role.pid, "url": role.url}
    try:
        answer = httpx2.get(f"{role.url}/status", timeout=ANSWER_SECONDS, trust_env=False)
        return {**known, "answers": True, **answer.raise_for_status().json()}
    except (httpx2.HTTPError, ValueError):
        return {**known, "answers": False, "alive": False, "ready": False, "reason": "does not answer"}


def _records(transport: Transport) -> dict[str, int]:
    """Return how many records the topics hold that tell how far the crawl has come.

    These are differences of offsets: on Kafka the end mark of each transaction counts as well.
    """
    names = [
        CRAWL.name,
        DOCUMENT_OUTCOMES.name,
        EMBEDDED.name,
        *(dead_letter(topic.name) for topic in CONSUMED),
    ]
    present = [name for name in names if name in transport.topics()]
    first = transport.beginning_positions(present)
    counts = dict.fromkeys(present, 0)
    for at, end in transport.end_positions(present).items():
        counts[at[0]] += end - first.get(at, 0)
    return counts


def _pairs(books: Books) -> Node:
    by_target: dict[str, int] = {}
    for target in books.pairs.values():
        by_target[target] = by_target.get(target, 0) + 1
    return {
        "published": len(books.pairs),
        "withdrawn": books.withdrawn,
        "by_target": by_target,
        "rejected": dict(books.rejected),
    }
