from dataclasses import replace

import numpy as np
import pytest

from equal_stream.backtest.corpus import build_corpus
from equal_stream.backtest.recorded import RecordedDocument, RecordedPair

MILL = "The mill stands by the river Aue. " * 25
BREAD = "Bread rises for two hours before it is baked. " * 20


def document(text, *pairs, **fields):
    return RecordedDocument(text=text, qa=[RecordedPair(*pair) for pair in pairs], **fields)


def build(encoder, *documents):
    return build_corpus(documents, encoder, 5)


def test_pairs_lie_in_the_passages_that_hold_their_answers(encoder):
    crawl = build(
        encoder,
        document(
            MILL + "\n\n" + BREAD, ("How long does bread rise?", "two hours"), ("Which river?", "river Aue")
        ),
        document("A document without pairs."),
        document("The oak is old.", ("What is old?", "the oak")),
    )
    assert (crawl.documents, len(crawl.doc_ids)) == (3, 3)
    assert crawl.document_of.tolist() == [0] * (len(crawl) - 2) + [1, 2]
    owner = crawl.pair_owner()
    asked = dict(zip(crawl.questions, owner.tolist(), strict=True))
    assert (
        asked["Which river?"] < asked["How long does bread rise?"] < asked["What is old?"] == len(crawl) - 1
    )
    assert [len(crawl.pairs(passage)) for passage in range(len(crawl))] == np.bincount(
        owner, minlength=len(crawl)
    ).tolist()
    assert len(crawl.pairs(len(crawl) - 2)) == 0
    assert crawl.pair_vectors.shape == (3, crawl.dimension)
    assert crawl.answers[owner.tolist().index(len(crawl) - 1)] == "the oak"


def test_every_passage_costs_its_prompt_and_more_with_each_pair(encoder):
    bare, held = (
        build(encoder, document("The oak is old.", *pairs))
        for pairs in ([], [("What is old?", "the oak"), ("How old?", "old")])
    )
    assert (bare.tokens_in == held.tokens_in).all()
    assert bare.tokens_in[0] > bare.tokens[0]
    assert held.tokens_out[0] > bare.tokens_out[0] + 40 > 40
    assert (held.cost == held.tokens_in + held.tokens_out).all()
    assert bare.pair_vectors.shape == (0, bare.dimension)


def test_a_question_counts_once_a_document_and_not_at_all_without_words(encoder):
    pairs = [("What is old?", "the oak"), ("what is  OLD", "an oak"), (" ? ", "?"), ("Who?", "the oak")]
    crawl = build(encoder, document("The oak is old.", *pairs), document("An oak.", ("What is old?", "oak")))
    assert crawl.questions == ["What is old?", "Who?", "What is old?"]


def test_documents_are_told_apart_by_url_then_id_then_text(encoder):
    url = document("a text", url="https://a.example/", doc_id="1")
    ids = [document("b text", doc_id="1"), document("c text", doc_id=1), document("d text")]
    crawl = build(encoder, url, replace_text(url, "more"), *ids)
    assert len(set(crawl.doc_ids)) == 5
    assert crawl.urls[:3] == ["https://a.example/", "https://a.example/", "urn:document:1"]


def replace_text(recorded, text):
    return RecordedDocument(text=text, url=recorded.url, doc_id=recorded.doc_id)


def test_what_versions_of_one_url_share_are_passages_of_their_own(encoder):
    shared = MILL * 2
    crawl = build(
        encoder,
        document(shared + "Now it is closed.", url="https://a.example/"),
        document(shared + "Now it is open to visitors again.", url="https://a.example/"),
    )
    assert len(set(crawl.passage_ids)) == len(crawl) > 2
    assert len({tuple(vector) for vector in crawl.vectors.round(4)}) < len(crawl)  # some are the same text


def test_sources_are_as_recorded_or_hosts(encoder):
    crawl = build(
        encoder,
        document("a", source="wiki", url="https://a.example/x"),
        document("b", url="https://b.example/y"),
        document("c", url="nonsense"),
        document("d"),
    )
    assert crawl.sources == ["wiki", "b.example", "", ""]


@pytest.mark.parametrize("text", [".", "字", "\u200b", "\x00", "x" * 3000, "長" * 2000])
def test_documents_of_one_character_and_of_one_word_become_passages(encoder, text):
    crawl = build(encoder, document(text, ("What?", text[:5])))
    assert len(crawl) >= 1
    assert len(crawl.questions) == 1
    assert (crawl.cost > 0).all()
    assert crawl.text_bytes.sum() == len(text.encode())


def test_long_documents_are_cut_and_their_pairs_spread(encoder):
    facts = [f"Town {number} has {number * 7 + 1000} people." for number in range(400)]
    pairs = [
        (f"How many people live in town {number}?", f"{number * 7 + 1000} people") for number in (3, 200, 399)
    ]
    crawl = build(encoder, document(" ".join(facts), *pairs))
    owners = crawl.pair_owner().tolist()
    assert owners == sorted(owners)
    assert owners[0] == 0
    assert owners[2] == len(crawl) - 1 > 10


def test_the_same_documents_are_the_same_corpus(encoder):
    documents = [document(MILL + BREAD, ("How long?", "two hours")), document("The oak is old.")]
    first, second = (build(encoder, *documents) for _ in range(2))
    for name in first.__dataclass_fields__:
        one, other = getattr(first, name), getattr(second, name)
        assert (one == other).all() if isinstance(one, np.ndarray) else one == other


def test_every_passage_knows_how_many_of_its_document_stand_before_and_after_it(encoder):
    corpus = build(encoder, document("one. " * 200), document("two. " * 20), document("three. " * 300))
    interleaved = replace(corpus, document_of=np.array([0, 1, 0, 2, 2, 0]), passage_ids=["p"] * 6)
    before, after = interleaved.neighbours()
    assert (before.tolist(), after.tolist()) == ([0, 0, 1, 0, 1, 2], [2, 0, 1, 1, 0, 0])
    before, after = corpus.neighbours()
    assert (before + after + 1).tolist() == np.bincount(corpus.document_of)[corpus.document_of].tolist()
    assert (np.diff(before)[np.diff(corpus.document_of) == 0] == 1).all()
