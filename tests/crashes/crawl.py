"""A crawl in three parts, small enough to be walked a hundred times: every way a record can end is in it."""

import json

from equal_stream import topics
from equal_stream.transport.base import OutgoingRecord, Transport
from tests.service.documents import page, references

THEME = "tides"
_PAGES = {number: page(THEME, number, sentences=4) for number in range(4)}
_LONG = page("bees", 1, sentences=24)  # of several passages


def _url(number: int) -> str:
    return str(_PAGES[number]["url"])


def _crawled(url: str, text: str) -> OutgoingRecord:
    value = json.dumps({"url": url, "text": text}).encode()
    return OutgoingRecord(topics.CRAWL.name, url.encode(), value)


def _references() -> list[OutgoingRecord]:
    return [
        OutgoingRecord(
            topics.REFERENCES.name,
            f"{THEME}/{number}".encode(),
            json.dumps({"target": THEME, "ref_id": str(number), **pair}).encode(),
        )
        for number, pair in enumerate(references(THEME, 6))
    ]


def first() -> list[OutgoingRecord]:
    """Pages, one of several passages, a copy, one overtaken, one too short, and records of no use."""
    pages = [*list(_PAGES.values())[1:], _LONG, _PAGES[0]]
    return [
        _crawled(_url(0), f"An earlier version. {_PAGES[0]['text']}"),
        *_references(),
        OutgoingRecord(topics.REFERENCES.name, b"no slash", b'{"target": 1}'),
        OutgoingRecord(topics.EMBEDDED.name, b"p", b'{"passage_id": "p"}'),
        OutgoingRecord(topics.CRAWL.name, b"https://bad.invalid/", b"{not json"),
        *(_crawled(each["url"], each["text"]) for each in pages),
        _crawled("https://copies.invalid/1", _PAGES[1]["text"]),
        _crawled("https://short.invalid/", "Too short."),
    ]


def changes() -> list[OutgoingRecord]:
    """A page unchanged, one deleted, one edited, one whose text moved to another, and a new one."""
    cut = _LONG["text"][: len(_LONG["text"]) // 2]
    return [
        _crawled(_url(0), _PAGES[0]["text"]),
        OutgoingRecord(topics.CRAWL.name, _url(1).encode(), None),
        _crawled(_LONG["url"], f"{cut} The keeper of the last hive counted 31 queens."),
        _crawled(_url(2), page(THEME, 12, sentences=4)["text"]),
        _crawled("https://heirs.invalid/2", _PAGES[2]["text"]),
        _crawled(page(THEME, 11)["url"], page(THEME, 11, sentences=4)["text"]),
        OutgoingRecord(topics.CRAWL.name, b"https://bad.invalid/", b"\xff\xfe"),
    ]


def returns() -> list[OutgoingRecord]:
    """The deleted page comes back as it was: its passages may be bought again, its pairs come again."""
    return [_crawled(_url(1), _PAGES[1]["text"]), _crawled(_url(3), _PAGES[3]["text"])]


PARTS = {"first": first, "changes": changes, "returns": returns, "": list}


def feed(transport: Transport, part: str) -> None:
    """Write a part of the crawl."""
    producer = transport.producer()
    for record in PARTS[part]():
        producer.send(record)
    producer.close()
