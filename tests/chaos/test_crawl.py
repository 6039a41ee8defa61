"""The crawl that is fed: the same for the same seed, with everything in it, and true of itself."""

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from tests.chaos.crawl import CANARY, Crawl, Sent, Sort
from tests.chaos.feeder import outgoing

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def records() -> list[Sent]:
    return crawl(4)


def crawl(seed: int, count: int = 2_000) -> list[Sent]:
    return list(islice(Crawl(seed, BEGAN), count))


def test_the_same_seed_gives_the_same_crawl_and_another_seed_no_page_of_it(records: list[Sent]) -> None:
    assert crawl(4) == records
    assert not {each.text for each in records if each.text} & {each.text for each in crawl(5) if each.text}


def test_every_sort_of_record_is_in_it(records: list[Sent]) -> None:
    assert Counter(each.sort for each in records).keys() == set(Sort)
    assert [each.number for each in records] == list(range(1, len(records) + 1))


def test_a_page_says_what_the_crawl_says_it_does(records: list[Sent]) -> None:
    for each in records:
        if each.text is not None and each.sort is not Sort.HTML:
            said = json.loads(each.value or b"")
            assert (said["url"], said["text"]) == (each.url, each.text)


def test_only_pages_that_are_there_are_edited_deleted_or_come_again(records: list[Sent]) -> None:
    text_of: dict[str, str | None] = {}
    for each in records:
        before = text_of.get(each.url)
        if each.sort in {Sort.AGAIN, Sort.DELETED}:
            assert before is not None
        if each.sort is Sort.AGAIN:
            assert each.text == before
        if each.sort is Sort.EDITED:
            assert (each.text or "").startswith(before or "nothing")
        text_of[each.url] = each.text


def test_copies_have_the_text_of_another_page(records: list[Sent]) -> None:
    copies = [each for each in records if each.sort in {Sort.COPIED, Sort.MOVED}]
    for copy in copies:
        assert any(each.text == copy.text and each.url != copy.url for each in records[: copy.number])


def test_pages_with_instructions_carry_the_canary_and_no_other_page_does(records: list[Sent]) -> None:
    carrying = {each.sort for each in records if CANARY in (each.text or "")}
    assert carrying == {Sort.ORDERING}


def test_a_record_goes_into_the_log_under_its_url_with_its_number(records: list[Sent]) -> None:
    record = outgoing(records[10])
    assert record.key == records[10].url.encode()
    assert record.headers == (("chaos_number", b"11"),)
