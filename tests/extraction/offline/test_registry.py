"""Pages that carry their own questions, and docstrings that say what things are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.gates.registry import examine
from equal_stream.extraction.offline.registry import recognise
from equal_stream.extraction.protected import ProtectedQuestions
from equal_stream.settings import ExtractionSettings


def page(text: str, title: str = "Help", lang: str = "en", start: int = 0) -> PassageText:
    return PassageText(text=text, start=start, title=title, lang=lang)


def asked(passage: PassageText) -> dict[str, str]:
    """Return answers by question, after making sure that every pair passes the gates at its exact place."""
    pairs = recognise(passage, 10)
    verdict = examine(pairs, passage, ExtractionSettings(max_pairs=10), ProtectedQuestions())
    assert verdict.rejected == {}
    for raw, pair in zip(pairs, verdict.accepted, strict=True):
        assert pair.span is not None
        assert passage.text[pair.span.start : pair.span.end] == raw.evidence
    return {pair.question: pair.answer for pair in pairs}


@pytest.mark.parametrize(
    "text",
    [
        "Q: How long does delivery take?\nA: Three to five working days.\n",
        "Question 1: How long does delivery take?\n\nAnswer: Three to five working days.",
        "**Q:** How long does delivery take?\n**A:** Three to five working days.",
        "Q1. How long does delivery take?\nA1. Three to five working days.",
        "## How long does delivery take?\n\nThree to five working days.\n\n## Imprint\n\nA company.",
        "How long does delivery take?\n----------------------------\nThree to five working days.",
        "1. How long does delivery take?\n   Three to five working days.",
        "**How long does delivery take?**\n\nThree to five working days.",
        "How long does delivery take?\nThree to five working days.",
    ],
)
def test_a_question_on_the_page_is_paired_with_the_text_below_it(text: str) -> None:
    answers = {question: answer.strip("*") for question, answer in asked(page(text)).items()}
    assert answers == {"How long does delivery take?": "Three to five working days."}


def test_each_answer_ends_where_the_next_question_begins() -> None:
    text = (
        "Wie kann ich mich infizieren?\nHauptsächlich durch Tröpfchen in der Atemluft.\n\n"
        "Wie lange ist die Inkubationszeit?\nSie kann bis zu 14 Tage betragen,\nim Durchschnitt 5.\n"
    )
    assert asked(page(text, "Fragen", "de")) == {
        "Wie kann ich mich infizieren?": "Hauptsächlich durch Tröpfchen in der Atemluft.",
        "Wie lange ist die Inkubationszeit?": "Sie kann bis zu 14 Tage betragen, im Durchschnitt 5.",
    }


def test_questions_in_chinese_and_arabic_are_read_as_they_are_written() -> None:
    chinese = "问：长城有多长？\n答：长城全长两万多公里，横跨中国北方。\n"
    arabic = "ما هي عاصمة مصر؟\nعاصمة مصر هي القاهرة، وهي أكبر مدنها.\n"
    assert asked(page(chinese, "长城", "zh")) == {"长城有多长？": "长城全长两万多公里，横跨中国北方。"}
    assert asked(page(arabic, "مصر", "ar")) == {"ما هي عاصمة مصر؟": "عاصمة مصر هي القاهرة، وهي أكبر مدنها."}


@pytest.mark.parametrize(
    "text",
    [
        "How long does delivery take?\n",
        "How long does delivery take?\nWhere do you deliver to?\n",
        "See https://example.com/search?\nfor the search page of our shop.",
        "TODO is this still needed?\nSomebody should look at this some day.",
        "What is this?\nIt is the front page of our shop.",
        "He asked me whether I knew. Did I really?\nI had no idea at all about it, of course.",
        "The sky is blue. Nothing here asks anything.",
        "",
    ],
)
def test_what_has_no_question_or_no_answer_yields_nothing(text: str) -> None:
    assert asked(page(text)) == {}


NUMPY = """Perform the Shapiro-Wilk test for normality.

The Shapiro-Wilk test tests the null hypothesis that the
data was drawn from a normal distribution.

Parameters
----------
x : array_like
    Array of sample data. Must contain at least three observations.
axis : int
    The axis.
nan_policy : {'propagate', 'omit', 'raise'}
    Defines how to handle input NaNs, one of:

    - ``propagate``: NaN in, NaN out.

Returns
-------
statistic : float
    The test statistic of this test, as a plain floating point number.

Examples
--------
>>> shapiro([1, 2, 3])
1.0
"""


def test_a_numpy_docstring_tells_what_it_does_takes_and_returns() -> None:
    name = "scipy.stats.shapiro"
    summary = (
        "Perform the Shapiro-Wilk test for normality. The Shapiro-Wilk test tests the null hypothesis that "
        "the data was drawn from a normal distribution."
    )
    sample = "Array of sample data. Must contain at least three observations."
    statistic = "The test statistic of this test, as a plain floating point number."
    assert asked(page(NUMPY, "scipy.stats._morestats.shapiro")) == {
        f"What does {name} do?": summary,
        "What does the Shapiro-Wilk test examine?": summary.split(". ")[1],
        f"What is the `x` parameter of {name}?": sample,
        f"What is `statistic`, which {name} returns?": statistic,
        "What does `shapiro([1, 2, 3])` give in Python?": "`1.0`",
    }


def test_a_passage_from_the_middle_of_a_docstring_asks_what_its_entries_mean() -> None:
    text = "x : array_like\n    Array of sample data with at least three observations in it.\n"
    assert list(asked(page(text, "scipy.stats.shapiro", start=900))) == [
        "What does `x` mean in scipy.stats.shapiro?"
    ]


def test_a_google_docstring_is_read() -> None:
    text = """Splits a document into passages.

Args:
    text (str): The text of the document, exactly as it was crawled and stored.
    limit: The most tokens that any one passage may have,
        special tokens of the encoder not counted.

Returns:
    list: The passages of the document in order, each with its character offsets.

Raises:
    ValueError: When the limit is so small that no single word would fit it.
"""
    answers = asked(page(text, "crawler.text_tools.split"))
    assert answers["What is the `limit` parameter of crawler.text_tools.split?"] == (
        "The most tokens that any one passage may have, special tokens of the encoder not counted."
    )
    assert "When does crawler.text_tools.split raise ValueError?" in answers
    assert "What does crawler.text_tools.split do?" in answers


def test_a_sphinx_docstring_is_read_and_its_fields_are_no_part_of_the_summary() -> None:
    text = """Sends a POST request to a server.

:param url: The address of the server, as a string with scheme.
:param int timeout: How many seconds to wait before giving up entirely.
:return: The response of the server, whatever its status may be.
"""
    name = "web.client_api.post"
    assert asked(page(text, name)) == {
        f"What does {name} do?": "Sends a POST request to a server.",
        f"What is the `url` parameter of {name}?": "The address of the server, as a string with scheme.",
        f"What is the `timeout` parameter of {name}?": "How many seconds to wait before giving up entirely.",
        f"What does {name} return?": "The response of the server, whatever its status may be.",
    }


def test_a_question_within_a_description_is_no_question_of_the_page() -> None:
    text = "shared : bool\n    Generate a shared library?\nrunner : Runner\n    It compiles the files.\n"
    assert asked(page(text, "tools.compile_link.link", start=50)) == {}


def test_a_class_is_asked_what_it_is() -> None:
    text = "A lock that many readers or one writer may hold at a time."
    assert list(asked(page(text, "locks.shared.ReadWriteLock"))) == ["What is locks.shared.ReadWriteLock?"]


def test_mark_up_stays_in_the_evidence_and_leaves_the_answer() -> None:
    text = "Return the inverse of :func:`~numpy.exp`, see ``np.log`` and [2]_ for more on this."
    answers = asked(page(text, "numpy.core.log"))
    assert list(answers.values()) == ["Return the inverse of `numpy.exp`, see `np.log` and for more on this."]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Kurtosis is the fourth central moment divided by the square of the variance.", "What is Kurtosis?"),
        (
            "A truss is an assembly of members such as beams that create a rigid structure.",
            "What is a truss?",
        ),
        (
            "The Poisson distribution describes the number of independent events in a fixed interval.",
            "What does the Poisson distribution describe?",
        ),
        (
            "Levene's test tests the null hypothesis that all samples have populations with equal variances.",
            "What does Levene's test examine?",
        ),
    ],
)
def test_a_sentence_that_defines_something_answers_what_it_is(text: str, question: str) -> None:
    assert asked(page(text, "Statistics")) == {question: text}


@pytest.mark.parametrize(
    "text",
    [
        "This is a function that returns the number of rows in the table of results.",
        "The method is the one that was described at the beginning of this section already.",
        "If Fisher's definition is used, then 3.0 is subtracted from the result of the sum.",
        "Custom models are not supported yet, but the list of them can be asked for anyway.",
        "Five tests concluded because the belt that was being tested broke on the first day.",
        "It is the fourth central moment divided by the square of the variance of the data.",
        "A comparative study of tests for homogeneity of variances, with applications to bidding data.",
        "L is the target sequence length, and S is the source sequence length of the batch.",
    ],
)
def test_a_sentence_that_only_its_page_explains_is_left_alone(text: str) -> None:
    assert asked(page(text, "Statistics")) == {}


def test_definitions_are_asked_for_in_english_only() -> None:
    text = "Der Test is the fourth central moment divided by the square of the variance."
    assert asked(page(text, "Statistik", "de")) == {}


@pytest.mark.parametrize(
    ("session", "pairs"),
    [
        (">>> rank([3, 1])\n[2, 1]", {"What does `rank([3, 1])` give in Python?": "`[2, 1]`"}),
        (
            ">>> import numpy as np\n>>> a = np.ones(3)  # three\n>>> rank(a)  # doctest: +SKIP\n1",
            {"After `import numpy as np; a = np.ones(3)`, what does `rank(a)` give in Python?": "`1`"},
        ),
        (">>> rank(unheard_of)\n1", {}),
        (">>> rank([3])\nTraceback (most recent call last):\n...", {}),
        (">>> rank([3])\n<object at 0x7f>", {}),
        (">>> for x in y:\n...     rank(x)\n1", {}),
        (">>> x = rank([3])", {}),
        (">>> rank([3)\n1", {}),
        (">>> rank([3])\n```", {}),
        (">>> rank([3])\nmany\nlines", {}),
        (">>> len([3])\n1", {}),
    ],
)
def test_a_worked_example_is_taken_where_it_stands_alone(session: str, pairs: dict[str, str]) -> None:
    text = f"See the examples below, please:\n\n{session}\n"
    assert asked(page(text, "tools.sorting.rank", start=100)) == pairs


def test_no_more_pairs_are_given_than_asked_for_and_the_order_never_changes() -> None:
    passage = page(NUMPY, "scipy.stats._morestats.shapiro")
    assert recognise(passage, 2) == recognise(passage, 10)[:2]


MARKS = [
    *[
        "Q: ",
        "A: ",
        "Is it so?",
        "\n",
        "\n\n",
        "----",
        ">>> f(1)",
        "...",
        ":param x: ",
        "    ",
        "x : int",
        "#",
    ],
    *["Args:", "The Nile is a river.", "`", "“", "한", "\u200b", "[", "(", "。", "？"],
]


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=4), max_size=30).map("".join))
def test_whatever_the_page_evidence_is_the_pages_own_text(text: str) -> None:
    for pair in recognise(page(text, "a.b_c.f"), 10):
        assert pair.evidence in text
        assert pair.question
