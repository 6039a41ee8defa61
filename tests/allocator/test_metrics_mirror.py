"""What the actor counted shows in the metrics of the process that runs it, once."""

from pathlib import Path

from msgspec.structs import replace

from equal_stream import topics
from equal_stream.allocator.metrics_mirror import MetricsMirror
from equal_stream.allocator.tally import Tally
from equal_stream.allocator.view import AllocatorView
from equal_stream.observability.metrics import REGISTRY
from equal_stream.transport.base import OutgoingRecord
from tests.allocator.world import PromptWorkers, World, run


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"equal_stream_{name}", labels) or 0.0


def test_counts_are_added_once_and_again_after_the_actor_began_anew(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.reference("mirrored", "1", "apples")
    world.producer.send(OutgoingRecord(topics.REFERENCES.name, b"t/1", b"{"))
    world.producer.flush()
    for number in range(3):
        world.passage("apples", number)
    service = world.service(PromptWorkers())
    service.recover()
    run(service)
    look = service.look()
    assert look is not None
    view = AllocatorView(state="running", status=look.status, tally=look.tally)
    before = value("tickets_total", status="extracted")
    mirror = MetricsMirror()
    mirror.show(view)
    mirror.show(view)
    assert value("tickets_total", status="extracted") == before + 3
    assert value("pairs_published_total", target="mirrored") == 3
    assert value("dead_letters_total", topic=topics.REFERENCES.name, reason="invalid-json") == 1
    assert value("llm_tokens_total", direction="in") >= 900
    assert value("usd", state="spent") > 0
    (target,) = look.status.targets
    assert value("target_coverage", target="mirrored") == target.coverage > 0
    assert value("budget_overruns") == 0
    mirror.show(AllocatorView(state="running", status=look.status, tally=Tally(tickets={"extracted": 1})))
    assert value("tickets_total", status="extracted") == before + 4
    service.close()
    world.close()


def test_a_target_has_gauges_for_as_long_as_it_has_references(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.reference("passing", "1", "apples")
    service = world.service(PromptWorkers())
    service.recover()
    run(service)
    look = service.look()
    assert look is not None
    status = look.status
    audited = [replace(target, distance=0.2, distance_of_crawl=0.9) for target in status.targets]
    mirror = MetricsMirror()
    mirror.show(AllocatorView(state="running", status=replace(status, targets=audited), tally=look.tally))
    assert value("target_distance", target="passing", of="output") == 0.2
    assert value("target_distance", target="passing", of="crawl") == 0.9
    mirror.show(AllocatorView(state="running", status=replace(status, targets=[]), tally=look.tally))
    for name, of in (("target_coverage", {}), ("target_distance", {"of": "output"})):
        assert REGISTRY.get_sample_value(f"equal_stream_{name}", {"target": "passing", **of}) is None
    service.close()
    world.close()
