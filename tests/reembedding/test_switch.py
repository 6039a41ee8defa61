"""A whole service goes over to another encoder: nothing is lost, nothing is bought twice, the cap holds."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from equal_stream import steps, topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator import encoder_switch, one_space
from equal_stream.allocator.pace import Pace
from equal_stream.allocator.replay import replay
from equal_stream.allocator.service import AllocatorService
from equal_stream.allocator.vector_file import VectorFile
from equal_stream.clusterer import space
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, PassageText, Ticket
from equal_stream.messages import LedgerEntry, QAPair, ReferencePair, now, pack_vector
from equal_stream.reembedding.renewal import Renewal
from equal_stream.settings import AllocationSettings, BudgetSettings, LLMSettings
from equal_stream.snapshots import SnapshotStore
from equal_stream.steps import Step
from equal_stream.transport.codec import decode, encode
from tests.allocator.world import PRICES, PromptWorkers, answered
from tests.embedding.world import URL
from tests.reembedding.encoders import NamedEncoder
from tests.reembedding.switching import BEFORE, NEW, OLD, OTHER_LENGTH, SAME_LENGTH, Switching, page

ENCODERS = pytest.mark.parametrize("after", [SAME_LENGTH, OTHER_LENGTH], ids=["same length", "other length"])
CAP = 0.03  # USD: some seventy calls


class EncodingWorkers(PromptWorkers):
    """Workers that embed with the encoder in service; each call brings the first sentence as a pair."""

    def __init__(self, encoder: NamedEncoder) -> None:
        super().__init__(capacity=4)
        self.encoder = encoder

    def finished(self, timeout: float):
        """Return every call, answered."""
        found = super().finished(timeout)
        return [
            type(each)(each.ticket, each.passage, self._answer(each.ticket, each.passage)) for each in found
        ]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return the encoder's vectors."""
        return self.encoder.encode(list(texts))

    def recover(self, ticket: Ticket, passage: PassageText, entry) -> ExtractionResult:
        """Return the same answer again."""
        return self._answer(ticket, passage)

    def _answer(self, ticket: Ticket, passage: PassageText) -> ExtractionResult:
        quote = passage.text[:40]
        found = ExtractedPair(
            question=f"{passage.text[:60]}?",
            answer=passage.text,
            quote=quote,
            start=passage.start,
            end=passage.start + len(quote),
            vector=pack_vector(self.encoder.vector(f"{passage.text[:60]}?\n{passage.text}")),
        )
        return answered(ticket, [found])


class Service(Switching):
    """The switching world with an allocator."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.settings = self.settings.model_copy(
            update={
                "budget": BudgetSettings(usd_total=CAP),
                "llm": LLMSettings(
                    base_url="http://127.0.0.1:1", model="m", in_mtok_cost=1.0, out_mtok_cost=2.0
                ),
                "allocation": AllocationSettings(exploration=0.0, snapshot_seconds=1e6),
            }
        )
        self.clock = now()

    def core(self, encoder: NamedEncoder, **options) -> AllocatorCore:
        """Return a fresh core."""
        return AllocatorCore(self.settings, pricing=PRICES, dimension=encoder.dimension, **options)

    def allocator(self, encoder: NamedEncoder, collection: str) -> AllocatorService:
        """Return a fresh allocator, as a process that starts has it."""
        state = self.settings.data_dir / "state" / "allocator"
        passages = self.store(collection, encoder)
        return AllocatorService(
            core=self.core(encoder, vectors=VectorFile(state / "candidates.vectors", encoder.dimension)),
            transport=self.transport,
            passages=passages,
            workers=EncodingWorkers(encoder),
            snapshots=SnapshotStore(state),
            pace=Pace(None),
            snapshot_seconds=1e6,
            tick_seconds=0.0,
            stop_seconds=5.0,
            clock=self.tick,
            model=encoder.identity,
            renewal=Renewal(passages, self.documents(), collection),
        )

    def tick(self):
        """Return a later instant each time."""
        self.clock += timedelta(milliseconds=10)
        return self.clock

    def allocate(self, encoder: NamedEncoder, collection: str, turns: int = 60) -> AllocatorService:
        """Start an allocator, let it take some turns, and stop it with a snapshot."""
        service = self.allocator(encoder, collection)
        service.recover()
        self.turns(service, turns)
        service.snapshot()
        service.close()
        return service

    @staticmethod
    def turns(service: AllocatorService, turns: int) -> None:
        """Take turns until nothing moves any more, or so many."""
        still = 0
        for _ in range(turns):
            still = 0 if service.turn() else still + 1
            if still >= 3:
                return

    def references(self, target: str, numbers: range) -> None:
        """Publish references that are near to a theme."""
        producer = self.transport.producer()
        for number in numbers:
            pair = ReferencePair(
                target=target, ref_id=str(number), question=f"{target} question {number}?", answer="that"
            )
            producer.send(encode(pair, topic=topics.REFERENCES.name, key=f"{target}/{number}", source="/t"))
        producer.flush()
        producer.close()

    def ledger(self) -> list[LedgerEntry]:
        """Return the ledger in order."""
        return [decode(record, LedgerEntry) for record in self.records(topics.LEDGER.name)]

    def pairs(self) -> list[QAPair]:
        """Return all pairs ever published."""
        records = self.records(topics.PAIRS.name)
        return [decode(record, QAPair) for record in records if record.value is not None]

    def audit(self) -> None:
        """Check what is promised, over the whole log."""
        # Every crawl record ended once.
        ends = Counter((each.source.partition, each.source.offset) for each in self.outcomes())
        assert len(ends) == self.fed
        assert set(ends.values()) == {1}
        # No pair twice, none of a page that is gone.
        pairs = Counter(pair.qa_id for pair in self.pairs())
        assert set(pairs.values()) <= {1}
        # At no entry more than the cap, each ticket begun and ended once.
        held: dict[str, float] = {}
        ended: set[str] = set()
        for entry in self.ledger():
            if entry.entry == "reserve":
                assert entry.ticket_id not in held
            else:
                assert entry.ticket_id in held
                assert entry.ticket_id not in ended
                ended.add(entry.ticket_id)
            held[entry.ticket_id] = entry.usd
            assert sum(held.values()) <= CAP + 1e-9
        # No passage is bought twice.
        bought = Counter(entry.passage_id for entry in self.ledger() if entry.entry == "settle")
        assert set(bought.values()) <= {1}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (space, encoder_switch, one_space):
        monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that has bought some of its eighty pages."""
    made = Service(tmp_path)
    made.references("river", range(12))
    made.references("engine", range(6))
    made.crawl_themes(range(20))
    made.embed(BEFORE, OLD)
    made.cluster(OLD)
    made.allocate(BEFORE, OLD, turns=6)
    yield made
    steps.arm(None)
    made.close()


def shown(service: AllocatorService, at) -> dict[str, object]:
    """What must be the same under any encoder."""
    status = service.core.status(at)
    return {
        "budget": status.budget,
        "waiting": status.waiting,
        "pairs": status.pairs,
        "open": sorted(ticket.ticket_id for ticket in service.core.open_tickets()),
        "clusters": [
            (each.cluster_id, each.tickets, each.pairs, each.waiting, round(each.gain, 9))
            for each in status.clusters
        ],
        "counts": {name: n for name, n in status.counts.items() if not name.startswith("outdated")},
    }


@ENCODERS
def test_money_tickets_pairs_and_what_clusters_brought_are_carried_over_exactly(service, after) -> None:
    before = service.allocator(BEFORE, OLD)
    before.recover()
    assert service.pairs()
    told = shown(before, service.tick())
    posteriors = {each.cluster_id: each.posterior for each in before.core.status(service.clock).clusters}
    before.close()
    service.reembed(after)
    switched = service.allocator(after, NEW)
    switched.recover()
    assert shown(switched, service.clock) == told
    for each in switched.core.status(service.clock).clusters:
        learned = posteriors[each.cluster_id]  # from 1; what neighbours have in common is forgotten
        assert abs(each.posterior - learned) <= 0.5 * abs(1 - learned) + 0.1
    table = switched.core.holdings.pool.candidates
    for row in np.flatnonzero(table.taken[: table.height]).tolist():
        point = service.store(NEW, after).get([table.ids[row]], vectors=True)[0]
        np.testing.assert_allclose(table.vectors(np.array([row]))[0], point.vector, atol=0.01)
    switched.close()


@ENCODERS
def test_coverage_is_what_a_new_allocator_would_compute_from_the_log(service, after) -> None:
    service.reembed(after)
    switched = service.allocator(after, NEW)
    switched.recover()
    while switched._changing:  # until the references are embedded anew, which buys nothing
        switched.turn()
    fresh = service.core(after)
    fresh.holdings.worth.background = (
        switched.core.holdings.worth.background
    )  # thresholds depend on what was seen
    for reference in service.records(topics.REFERENCES.name):
        pair = decode(reference, ReferencePair)
        fresh.set_reference(pair, after.vector(f"{pair.question}\n{pair.answer}"))
    replay(service.records(topics.PAIRS.name), fresh, EncodingWorkers(after))
    covered = {target.name: target.coverage for target in switched.core.status(service.clock).targets}
    expected = {target.name: target.coverage for target in fresh.status(service.clock).targets}
    assert covered == pytest.approx(expected, rel=0.02)
    assert covered["river"] > 0
    switched.close()


@ENCODERS
def test_pages_come_and_go_during_the_whole_switch_and_no_promise_is_broken(service, after) -> None:
    # The old service goes on while the collection is filled.
    service.crawl_themes(range(20, 24))
    service.embed(BEFORE, OLD)
    service.reembed(after)
    service.cluster(OLD)
    service.crawl("river1", page("river", 901))
    service.crawl("river2", None)
    service.crawl_themes(range(24, 26))
    service.embed(BEFORE, OLD)  # neither clustered nor embedded again yet
    bought = len(service.ledger())
    service.allocate(BEFORE, OLD, turns=3)
    assert len(service.ledger()) > bought
    # The switch: every role starts anew, with a look back into the old collection.
    service.crawl_themes(range(26, 28))
    service.crawl("engine1", page("engine", 902))
    service.embed(after, NEW)
    service.reembed(after)
    service.cluster(NEW)
    service.allocate(after, NEW, turns=8)
    # And on.
    service.crawl_themes(range(28, 31))
    service.crawl("engine3", None)
    service.embed(after, NEW)
    service.cluster(NEW)
    last = service.allocate(after, NEW)
    service.audit()
    held = {p.id for p in service.store(NEW, after).scroll(limit=10_000)}
    assert held == service.listed()
    table = last.core.holdings.pool.candidates
    known = {table.ids[row] for row in np.flatnonzero(table.taken[: table.height]).tolist()}
    bought_passages = {entry.passage_id for entry in service.ledger()}
    assert service.listed() <= known | bought_passages
    assert not service.records(topics.dead_letter(topics.EMBEDDED.name))
    assert not service.records(topics.dead_letter(topics.ASSIGNED.name))
    themes = Counter(pair.url.rpartition("/")[2].rstrip("0123456789") for pair in service.pairs())
    assert themes["river"] + themes["engine"] > 0.8 * themes.total()


class Ended(BaseException):
    """The process ended here."""


STEPS = [
    *(step for step in Step if step.name.startswith(("PASSAGES_", "CLUSTERS_", "SNAPSHOT_", "TRANSACTION_"))),
    Step.DOCUMENTS_STORED,
    Step.RECORDS_TAKEN_IN,
    Step.CALLS_SETTLED,
    Step.TICKETS_CHOSEN,
    Step.CALL_SENT,
    Step.VECTORS_COPIED,
    Step.EARLIER_FENCED,
    Step.OUTPUTS_REPLAYED,
    Step.INPUTS_FOUND,
    Step.OPEN_TICKETS_ENDED,
]


def test_ended_after_each_step_of_the_switch_and_started_again_it_comes_to_the_same_end(service) -> None:
    """One life: at each step one role ends once, and the next begins where it left off."""
    after = OTHER_LENGTH
    service.crawl_themes(range(20, 22))
    service.embed(BEFORE, OLD)
    service.reembed(after)
    service.crawl_themes(range(22, 24))
    left = list(STEPS)

    def stop(step: Step) -> None:
        if step in left:
            left.remove(step)
            raise Ended

    def survives(work) -> None:
        for _ in range(2 * len(STEPS)):
            try:
                work()
            except Ended:
                continue
            return

    steps.arm(stop)
    for _ in range(3):
        survives(lambda: service.embed(after, NEW))
        survives(lambda: service.cluster(NEW))
        survives(lambda: service.allocate(after, NEW, turns=8))
    steps.arm(None)
    assert left == []
    service.crawl_themes(range(24, 26))
    service.embed(after, NEW)
    service.cluster(NEW)
    service.allocate(after, NEW)
    service.audit()
    assert {p.id for p in service.store(NEW, after).scroll(limit=10_000)} == service.listed()


def test_the_allocator_waits_for_a_passage_that_is_not_embedded_again_yet_and_goes_on_buying(
    service, caplog: pytest.LogCaptureFixture
) -> None:
    after = SAME_LENGTH
    service.reembed(after)
    service.crawl("river55", page("river", 55))
    service.embed(BEFORE, OLD)
    service.cluster(OLD)  # assigned under the old encoder, and behind what was embedded again
    switched = service.allocator(after, NEW)
    switched.recover()
    bought = len(service.ledger())
    service.turns(switched, 8)
    assert len(service.ledger()) > bought
    assert "the allocator waits for 1 passages" in caplog.text
    waiting = switched.core.status(service.clock).counts["passages"]
    service.reembed(after)
    for _ in range(200):
        switched.turn()
        if switched.core.status(service.clock).counts["passages"] > waiting:
            break
    assert switched.core.status(service.clock).counts["passages"] == waiting + 1
    switched.snapshot()
    switched.close()
    service.audit()


def test_a_switch_before_anything_was_embedded_again_waits_in_recovery(
    service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = SAME_LENGTH

    def filled(seconds: float) -> None:
        assert "run `equal-stream reembed" in switched.waits
        service.reembed(after)

    monkeypatch.setattr(encoder_switch.time, "sleep", filled)
    switched = service.allocator(after, NEW)
    switched.recover()
    assert switched.waits == ""
    assert "the switch of the allocator waits for" in caplog.text
    assert switched.core.without_vectors() == []
    switched.close()


def test_pairs_of_a_page_that_a_former_embedder_deleted_are_withdrawn(service) -> None:
    """The former embedder deletes in its own collection; in the one in service the copy is still there."""
    after = SAME_LENGTH
    service.reembed(after)
    page_of = {pair.qa_id: pair.url for pair in service.pairs()}
    qa_id, url = next(iter(page_of.items()))
    service.crawl(url.removeprefix(URL), None)
    service.embed(BEFORE, OLD)
    service.allocate(after, NEW, turns=8)
    withdrawn = {r.key.decode() for r in service.records(topics.PAIRS.name) if r.value is None}
    assert qa_id in withdrawn
    assert {page_of.get(each, url) for each in withdrawn} == {url}
    service.reembed(after)
    assert {p.id for p in service.store(NEW, after).scroll(limit=10_000)} == service.listed()


def test_and_back_again(service) -> None:
    service.reembed(OTHER_LENGTH)
    service.crawl_themes(range(20, 24))
    service.embed(OTHER_LENGTH, NEW)
    service.cluster(NEW)
    service.allocate(OTHER_LENGTH, NEW, turns=4)
    service.reembed(BEFORE, NEW, OLD)
    service.crawl_themes(range(24, 28))
    service.embed(BEFORE, OLD)
    service.cluster(OLD)
    service.allocate(BEFORE, OLD)
    service.audit()
    assert {p.id for p in service.store(OLD, BEFORE).scroll(limit=10_000)} == service.listed()
