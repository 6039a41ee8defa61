"""Waiting for rest: what is missing is said, and nothing that moves is taken for rest."""

import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos.rest import NotAtRest, missing_at, wait_for_rest

IDLE = {"in_flight": 0, "idle": "budget empty"}


def service(**unlike: Any) -> Any:
    """Return a service at rest, but for what is given."""
    books = {"ended": 3, "embedded": {"p": {}}, "assigned": {"p"}, "open_tickets": set(), "read": lambda: 0}
    given = {name: value for name, value in unlike.items() if name in books}
    return SimpleNamespace(
        books=SimpleNamespace(**{**books, **given}),
        transport=SimpleNamespace(end_positions=lambda _: Counter({("crawl.documents", 0): 3})),
        allocator=lambda: unlike.get("allocator", IDLE),
    )


def test_a_service_at_rest_lacks_nothing() -> None:
    assert missing_at(service()) == []


@pytest.mark.parametrize(
    ("unlike", "said"),
    [
        ({"ended": 2}, "1 of 3 crawl records have no end"),
        ({"assigned": set()}, "1 passages are not assigned"),
        ({"open_tickets": {"t"}}, "1 tickets are open"),
        ({"allocator": {}}, "the allocator does not answer"),
        (
            {"allocator": {"in_flight": 2, "idle": "budget empty"}},
            "the allocator is busy (2 calls, budget empty)",
        ),
        ({"allocator": {"in_flight": 0, "idle": ""}}, "the allocator is busy (0 calls, buying)"),
    ],
)
def test_what_is_missing_is_said(unlike: dict[str, Any], said: str) -> None:
    assert missing_at(service(**unlike)) == [said]


def test_at_the_deadline_it_fails_with_what_is_missing_and_posts_were_filled_meanwhile() -> None:
    looks: list[None] = []
    with pytest.raises(NotAtRest, match="1 tickets are open"):
        wait_for_rest(
            service(open_tickets={"t"}), time.monotonic() + 1.5, lambda: looks.append(None), lambda _: None
        )
    assert len(looks) >= 2
