"""Waits until a service that was broken in every way has come to rest, or says what is still missing."""

import time
from collections.abc import Callable

from equal_stream import topics
from equal_stream.transport.exceptions import TransportError
from tests.service.deployment import Deployment

STEADY_SECONDS = 6.0  # nothing moved and nothing is to be done for so long
_LOOK_SECONDS = 1.0
_TELL_SECONDS = 30.0


class NotAtRest(Exception):
    """The service did not come to rest in time; the message says what is missing."""


def wait_for_rest(
    service: Deployment, deadline: float, look: Callable[[], None], tell: Callable[[str], None]
) -> None:
    """Wait until every record is through, every ticket has ended, and nothing is left to buy.

    Parameters
    ----------
    deadline
        Monotonic seconds.
    look
        Called about once a second: whatever ended is to be started again.
    tell
        Given what is missing, every half minute.

    Raises
    ------
    NotAtRest
        At the deadline.
    """
    steady_since = told_at = time.monotonic()
    while True:
        look()
        try:
            moved = service.books.read()
            missing = missing_at(service)
        except TransportError as error:
            moved, missing = 0, [f"the log cannot be read: {error}"]
        now = time.monotonic()
        if moved or missing:
            steady_since = now
        elif now - steady_since > STEADY_SECONDS:
            return
        if now > deadline:
            raise NotAtRest("; ".join(missing) or "records kept coming")
        if missing and now - told_at > _TELL_SECONDS:
            tell("; ".join(missing))
            told_at = now
        time.sleep(_LOOK_SECONDS)


def missing_at(service: Deployment) -> list[str]:
    """Return what is still to be done, in sentences."""
    books = service.books
    missing = []
    crawled = sum(service.transport.end_positions([topics.CRAWL.name]).values())
    if books.ended < crawled:
        missing.append(f"{crawled - books.ended} of {crawled} crawl records have no end")
    if unassigned := books.embedded.keys() - books.assigned:
        missing.append(f"{len(unassigned)} passages are not assigned")
    if books.open_tickets:
        missing.append(f"{len(books.open_tickets)} tickets are open")
    status = service.allocator()
    if not status:
        missing.append("the allocator does not answer")
    elif status["in_flight"] or status["idle"] in {"", "no references"}:
        missing.append(f"the allocator is busy ({status['in_flight']} calls, {status['idle'] or 'buying'})")
    return missing
