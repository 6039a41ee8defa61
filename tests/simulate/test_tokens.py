import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.simulate.tokens import count, cut


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("cat", 1),
        ("the cat sat", 3),
        ("internationally", 3),
        ("1234", 2),
        ("灯塔建于", 4),
        ("a\n\nb", 3),
        ("x    y", 3),
        ("{}", 1),
        ("Привет", 2),
        ("🙂", 1),
    ],
)
def test_pieces_cost_what_byte_pair_encoders_spend_on_average(text, expected):
    assert count(text) == expected


def test_english_prose_has_between_four_and_five_characters_a_token():
    prose = (
        "The keeper of a lighthouse lit the lamp at dusk and kept it burning until morning in every weather, "
        "because ships that came near the coast at night depended on it to find their way past the rocks."
    )
    assert 4 < len(prose) / count(prose) < 5


@given(st.text())
def test_the_estimate_never_exceeds_the_length_in_bytes(text):
    assert count(text) <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text(), st.integers(0, 20))
def test_a_cut_text_is_a_prefix_within_the_limit(text, limit):
    prefix = cut(text, limit)
    assert text.startswith(prefix)
    assert count(prefix) <= limit
    assert prefix == text or count(text) > limit
