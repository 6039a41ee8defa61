from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.simulate.anchors import anchors, squeeze

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=60, max_size=300).map(squeeze)


@settings(max_examples=60, deadline=None)
@given(TEXT.filter(lambda text: len(text) >= 47), TEXT, TEXT)
def test_texts_that_share_47_characters_share_an_anchor_wherever_the_part_lies(shared, before, after):
    whole, _ = anchors([before + shared + after])
    part, _ = anchors([shared])
    assert set(part.tolist()) & set(whole.tolist())


def test_anchors_of_a_text_do_not_depend_on_its_neighbours():
    texts = [f"{n}:{'abcdefghij' * n}{n * 7919}" for n in range(1, 30)]
    together, owners = anchors(texts)
    for number, text in enumerate(texts):
        alone, _ = anchors([text])
        assert together[owners == number].tolist() == alone.tolist()


def test_a_text_shorter_than_a_shingle_has_no_anchor():
    assert anchors(["fifteen_letters", ""])[0].size == 0
    assert anchors([])[0].size == 0
    assert anchors(["sixteen_letters!"])[0].size == 1
