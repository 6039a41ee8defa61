from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.simulate.heuristic import MOST_PAIRS, pairs_of

PIECES = [
    "The",
    "Cache",
    "is",
    "a store",
    "of it",
    ".",
    "\n\n",
    "\n",
    "#",
    "?",
    "`x`",
    "returns",
    "灯塔",
    "是",
    "。",
]
WORDS = st.lists(st.sampled_from(PIECES))


def questions(text):
    return [pair.question for pair in pairs_of(text)]


def test_a_definition_is_asked_for():
    assert questions("The cache is a store of recent answers. It saves a lot of work.") == [
        "What is the cache?"
    ]
    assert questions("The store keeps vectors. Tickets are permissions to spend money.") == [
        "What are Tickets?"
    ]
    assert questions("A ledger stores what was reserved and what was spent.") == ["What does a ledger store?"]
    assert questions("灯塔是指在海边为船只指路的高塔。") == ["什么是灯塔？"]


def test_a_heading_is_asked_about():
    assert questions("## Rate limits\n\nClients wait before trying the request again.") == [
        "What is said about Rate limits?"
    ]
    assert questions("norm(x)\n\nReturn the length of a vector in some space.") == ["What does norm do?"]
    assert questions("Why wait?\n=========\nServers need time to recover from overload.") == ["Why wait?"]


def test_nothing_is_asked_where_nothing_is_said():
    assert pairs_of("") == []
    assert pairs_of("This is a sentence that points at something else.") == []
    assert pairs_of("x" * 200_000) == []


@settings(deadline=None)
@given(st.one_of(WORDS.map(" ".join), st.text()))
def test_pairs_of_any_text_are_grounded_distinct_and_few(text):
    pairs = pairs_of(text)
    assert len(pairs) == len({pair.question for pair in pairs}) <= MOST_PAIRS
    for pair in pairs:
        assert pair.evidence.strip()
        assert pair.evidence in text
        assert pair.answer in pair.evidence
