"""Content hashes and MinHash signatures."""

import numpy as np
import pytest

from equal_stream.embedding.fingerprint import fingerprint, unpack_signature
from tests.embedding.world import sentences


def changed(text: str, share: float, seed: int) -> str:
    random = np.random.default_rng(seed)
    return " ".join(f"w{random.integers(10**9)}" if random.random() < share else w for w in text.split())


def jaccard(one: str, other: str) -> float:
    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.lower().replace(".", "").split()
        return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}

    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def test_white_space_does_not_change_the_content_hash_and_words_do() -> None:
    one = fingerprint("A text \n\n of\tfour words ")
    assert one.content_hash == fingerprint("A text of four words").content_hash
    assert one.content_hash != fingerprint("A text of five words").content_hash


def test_the_same_text_has_the_same_signature_and_bands() -> None:
    one, other = fingerprint(sentences(1)), fingerprint(sentences(1))
    assert one.bands() == other.bands()
    assert one.similarity(other.signature) == 1.0


@pytest.mark.parametrize("share", [0.005, 0.02, 0.05, 0.2])
def test_similarity_estimates_the_jaccard_similarity_of_shingles(share: float) -> None:
    errors = []
    for seed in range(20):
        text = sentences(seed, 40)
        other = changed(text, share, seed)
        errors.append(fingerprint(text).similarity(fingerprint(other).signature) - jaccard(text, other))
    assert abs(np.mean(errors)) < 0.04
    assert np.std(errors) < 0.09


def test_texts_that_are_nearly_the_same_share_a_band() -> None:
    for seed in range(40):
        text = sentences(seed, 40)
        other = changed(text, 0.01, seed)
        assert set(fingerprint(text).bands()) & set(fingerprint(other).bands())


def test_unlike_texts_are_not_taken_for_similar() -> None:
    prints = [fingerprint(sentences(seed)) for seed in range(30)]
    assert max(a.similarity(b.signature) for n, a in enumerate(prints) for b in prints[:n]) < 0.6


@pytest.mark.parametrize(
    ("between", "least", "most"),
    [
        ((0.5, 0.71), 0.0, 0.01),  # .00003 of texts alike to .7, by the binomial distribution
        ((0.78, 0.82), 0.005, 0.2),  # .064 at .8
        ((0.9, 0.94), 0.9, 1.0),  # .954 at .9
    ],
)
def test_how_often_texts_are_taken_for_near_copies_follows_from_how_alike_they_are(
    between: tuple[float, float], least: float, most: float
) -> None:
    wrong, seen = 0, 0
    middle = sum(between) / 2
    for seed in range(400):
        text = sentences(seed, 40)
        other = changed(text, (1 - middle) / 6, seed)  # a word is in three triples, and so is its substitute
        if between[0] <= jaccard(text, other) <= between[1]:
            seen += 1
            wrong += fingerprint(text).similarity(fingerprint(other).signature) >= 0.85
    assert seen > 60, seen
    assert least <= wrong / seen <= most, (wrong, seen)


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    one = "水的沸点在标准大气压下是一百摄氏度，而冰在零摄氏度时融化成水。河流在冬天结冰，在夏天运送木材。" * 2
    near = fingerprint(one).similarity(fingerprint(one.replace("木材", "石头")).signature)
    far = fingerprint(one).similarity(fingerprint("博物馆除星期一外每天开放，儿童免费入场。" * 4).signature)
    assert near > 0.6
    assert far < 0.1


@pytest.mark.parametrize("text", ["", "x", "!!!", " ", "one two"])
def test_tiny_texts_have_fingerprints_too(text: str) -> None:
    assert fingerprint(text).similarity(fingerprint(text).signature) == 1.0


def test_a_signature_survives_packing() -> None:
    one = fingerprint(sentences(1))
    np.testing.assert_array_equal(unpack_signature(one.packed_signature()), one.signature)


def test_signatures_are_fixed_for_ever() -> None:
    one = fingerprint("Stored signatures must stay comparable.")
    assert one.content_hash.startswith("143c29d714a1")
    assert one.signature[:3].tolist() == [17739, 21542, 33259]
