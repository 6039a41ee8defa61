"""The audit of the whole output: energy distance to the references, on a schedule."""

import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.audit import (
    EVERY_SECONDS,
    NEW_PAIRS,
    NOT_YET,
    SMALLEST,
    OutputAudit,
    energy_distance,
)
from equal_stream.allocation.background import Background
from equal_stream.allocation.pairs import PublishedPairs
from equal_stream.allocation.targets import Targets

D = 16
NOW = 1.78e9
E = np.eye(D, dtype=np.float32)


def around(centre, count, rng, spread=0.25):
    """Unit vectors around a direction."""
    vectors = centre + spread * rng.standard_normal((count, D))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def ones(vectors):
    return np.ones(len(vectors))


class Stream:
    """References, pairs and a crawl around directions."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.targets, self.pairs = Targets(D), PublishedPairs(D)
        self.background = Background(D, self.rng)
        self.audit = OutputAudit()

    def refer(self, target, centre, count=60):
        for number, vector in enumerate(around(centre, count, self.rng)):
            self.targets.set(target, str(number), vector, 1.0)

    def publish(self, target, centre, count, at=NOW):
        for vector in around(centre, count, self.rng):
            name = f"{target} {len(self.pairs)}"
            self.pairs.add(name, name, name, vector, at)
            self.pairs.attribute(name, target)

    def crawl(self, centre, count):
        for vector in around(centre, count, self.rng, spread=1.0):
            self.background.add(vector)

    def look(self, target="t", at=NOW):
        self.audit.renew(self.targets, self.pairs, self.background, at)
        return self.audit.of(target)


# The distance.


def test_the_distance_of_two_samples_is_what_its_definition_says():
    rng = np.random.default_rng(1)
    x, y, w = around(E[0], 5, rng), around(E[1], 4, rng), np.array([1.0, 2.0, 0.0, 3.0])

    def apart(a, b):
        return float(np.linalg.norm(a.astype(float) - b))

    def mean(terms):
        terms = list(terms)
        return sum(weight * value for weight, value in terms) / sum(weight for weight, _ in terms)

    between = mean((w[j], apart(a, y[j])) for a in x for j in range(4))
    within_x = mean((1.0, apart(x[i], x[j])) for i in range(5) for j in range(5) if i != j)
    within_y = mean((w[i] * w[j], apart(y[i], y[j])) for i in range(4) for j in range(4) if i != j)
    assert energy_distance(x, y, w) == pytest.approx(2 * between - within_x - within_y, abs=1e-5)


@pytest.mark.parametrize("count", [2, 5, 40])
def test_of_the_same_distribution_it_is_zero_on_average_however_small_the_samples(count):
    rng = np.random.default_rng(2)
    draws = []
    for _ in range(400):
        x, y = around(E[0], count, rng), around(E[0], 30, rng)
        draws.append(energy_distance(x, y, ones(y)))
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(len(draws))


def test_it_sees_an_output_elsewhere_and_one_that_crowds_in_the_middle():
    rng = np.random.default_rng(3)
    references = around(E[0], 200, rng)
    alike, crowded, elsewhere = (
        energy_distance(around(centre, 200, rng, spread), references, ones(references))
        for centre, spread in ((E[0], 0.25), (E[0], 0.02), (E[1], 0.25))
    )
    assert abs(alike) < 0.02 < crowded < elsewhere


def test_where_half_of_the_output_is_astray_it_is_a_quarter_of_where_all_is():
    rng = np.random.default_rng(5)
    references, alike, astray = (around(centre, 400, rng) for centre in (E[0], E[0], E[1]))
    half = energy_distance(np.concatenate([alike[:200], astray[:200]]), references, ones(references))
    assert half == pytest.approx(energy_distance(astray, references, ones(references)) / 4, rel=0.1)


def test_references_count_by_their_weight():
    rng = np.random.default_rng(4)
    both = np.concatenate([around(E[0], 50, rng), around(E[1], 50, rng)])
    first = np.repeat([1.0, 0.0], 50)
    sample = around(E[0], 50, rng)
    assert energy_distance(sample, both, first) == pytest.approx(
        energy_distance(sample, both[:50], np.ones(50)), abs=1e-5
    )
    assert energy_distance(sample, both, np.ones(100)) > 0.1


# What is looked at.


def test_an_output_like_its_references_is_near_zero_and_one_like_the_crawl_as_far_as_the_crawl():
    stream = Stream()
    stream.crawl(E[5], 2000)
    stream.refer("good", E[0])
    stream.refer("astray", E[1])
    stream.publish("good", E[0], 200)
    for vector in around(E[5], 200, stream.rng, spread=1.0):
        name = str(len(stream.pairs))
        stream.pairs.add(name, name, name, vector, NOW)
        stream.pairs.attribute(name, "astray")
    stream.look()
    stream.look()
    good, astray = stream.audit.of("good"), stream.audit.of("astray")
    assert abs(good.distance) < 0.05 * good.crawl
    assert astray.distance == pytest.approx(astray.crawl, rel=0.1)


def test_before_32_pairs_nothing_is_said():
    stream = Stream()
    stream.crawl(E[5], 100)
    stream.refer("t", E[0])
    stream.publish("t", E[0], SMALLEST - 1)
    assert stream.look() == NOT_YET
    stream.publish("t", E[0], 1)
    assert stream.look().pairs == SMALLEST


def test_before_enough_passages_were_seen_there_is_no_yardstick():
    stream = Stream()
    stream.refer("t", E[0])
    stream.crawl(E[5], SMALLEST - 1)
    stream.publish("t", E[0], 50)
    assert stream.look().distance is not None
    assert stream.look().crawl is None


def test_one_reference_has_no_spread_to_compare_with():
    stream = Stream()
    stream.crawl(E[5], 100)
    stream.refer("t", E[0], count=1)
    stream.publish("t", E[0], 50)
    assert (stream.look().distance, stream.look().pairs) == (None, 0)


def test_only_the_latest_pairs_are_looked_at():
    stream = Stream()
    stream.crawl(E[5], 100)
    stream.refer("t", E[0])
    stream.publish("t", E[0], 300, at=NOW)
    stream.publish("t", E[1], 300, at=NOW - 1000)
    audit = stream.look()
    assert audit.pairs < 300
    assert audit.distance < 0.05
    stream.publish("t", E[1], 300, at=NOW + 1)
    assert stream.look(at=NOW + 1).distance > 0.5


def test_out_of_many_references_always_the_same_are_looked_at():
    one, other = Stream(), Stream()
    vectors = around(E[0], 900, one.rng)
    published = around(E[0], 40, one.rng)
    for stream, order in ((one, range(900)), (other, reversed(range(900)))):
        for number in order:
            stream.targets.set("t", str(number), vectors[number], 1.0)
        for number, vector in enumerate(published):
            stream.pairs.add(str(number), "p", str(number), vector, NOW)
            stream.pairs.attribute(str(number), "t")
    assert one.look().distance == pytest.approx(other.look().distance, abs=1e-6)


# When.


def test_a_target_is_looked_at_again_after_many_new_pairs_or_some_time_and_not_before():
    stream = Stream()
    stream.refer("t", E[0])
    stream.publish("t", E[0], 40)
    first = stream.look(at=NOW)
    stream.publish("t", E[0], NEW_PAIRS - 1)
    assert stream.look(at=NOW + 1) == first
    stream.publish("t", E[0], 1)
    second = stream.look(at=NOW + 2)
    assert (second.at, second.held) == (NOW + 2, 40 + NEW_PAIRS)
    assert stream.look(at=NOW + 2 + EVERY_SECONDS - 1) == second
    assert stream.look(at=NOW + 2 + EVERY_SECONDS).at == NOW + 2 + EVERY_SECONDS


def test_one_target_is_looked_at_at_a_time_the_one_that_waited_longest_first():
    stream = Stream()
    for target, centre in (("a", E[0]), ("b", E[1]), ("c", E[2])):
        stream.refer(target, centre)
        stream.publish(target, centre, 40)
    for step in range(6):
        stream.look(at=NOW + step * EVERY_SECONDS)
    seen = {name: (stream.audit.of(name).at - NOW) / EVERY_SECONDS for name in "abc"}
    assert seen == {"a": 3, "b": 4, "c": 5}


def test_a_target_whose_pairs_were_withdrawn_is_looked_at_no_more():
    stream = Stream()
    stream.refer("t", E[0])
    stream.publish("t", E[0], 40)
    assert stream.look().distance is not None
    for number in range(20):
        stream.pairs.withdraw(f"t {number}")
    assert stream.look(at=NOW + EVERY_SECONDS).distance is None


def test_a_target_that_is_gone_is_forgotten():
    stream = Stream()
    stream.refer("t", E[0], count=2)
    stream.publish("t", E[0], 40)
    stream.look()
    for number in range(2):
        stream.targets.remove("t", str(number))
    assert stream.look() == NOT_YET


def test_state_continues_exactly():
    stream, copy = Stream(), OutputAudit()
    stream.crawl(E[5], 100)
    stream.refer("t", E[0])
    stream.publish("t", E[0], 40)
    stream.look()
    copy.load_state(saved.load(saved.dump(stream.audit.to_state())))
    assert copy.of("t") == stream.audit.of("t")
