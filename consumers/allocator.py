"""The allocator: starts its Ray actor, watches it, shows what it does, and stops it in good order."""

import logging
import threading
from typing import Any

import msgspec
import ray

from equal_stream.allocator.actor import AllocatorActor
from equal_stream.allocator.metrics_mirror import MetricsMirror
from equal_stream.allocator.view import AllocatorView
from equal_stream.errors import DependencyUnavailable, EqualStreamError
from equal_stream.observability.stopping import StopSignal
from equal_stream.ray_runtime import connect
from equal_stream.settings import Settings

LOOK_SECONDS = 1.0
LOOK_TIMEOUT = 30.0  # a long batch of references may keep the loop busy
STOP_SECONDS = 30.0
PATIENCE = 10  # looks in a row that may fail while Ray starts the actor again
_LOG = logging.getLogger(__name__)


class AllocatorFailed(EqualStreamError):
    """The allocator stopped and starting it again would not help."""


def run_allocator(settings: Settings, stop: threading.Event) -> None:
    """Run the allocator's actor until `stop` is set.

    The actor belongs to this process: when it ends, by whatever cause, Ray ends the actor and its workers,
    and the next one fences what may be left of them.

    Raises
    ------
    AllocatorFailed
        The actor reported an error that a restart would not mend.
    DependencyUnavailable
        Ray cannot be reached, or the actor does not come back.
    """
    connection = connect(settings)
    try:
        actor_class: Any = ray.remote(AllocatorActor)
        actor = actor_class.options(
            num_cpus=0,
            max_restarts=-1,
            max_concurrency=4,
            resources={"node:__internal_head__": 0.001},  # always the same machine, hence its snapshots
        ).remote(settings)
        try:
            _watch(actor, stop)
        finally:
            _end(actor)
    finally:
        connection.stop()


def _watch(actor: Any, stop: threading.Event) -> None:
    mirror = MetricsMirror()
    failures = 0
    latest = AllocatorView(state="starting")
    waiting = ""
    health = stop.health if isinstance(stop, StopSignal) else None
    if health is not None:
        health.report("allocator", lambda: msgspec.to_builtins(latest))
        health.beat()
        health.not_ready(latest.state)
    while not stop.is_set():
        try:
            latest = msgspec.json.decode(
                ray.get(actor.view.remote(), timeout=LOOK_TIMEOUT), type=AllocatorView
            )
            failures = 0
            waiting = _say(latest.waiting, waiting)
        except ray.exceptions.RayError as error:  # the actor is away, busy, or cannot reach the log itself
            failures += 1
            if failures > PATIENCE:
                raise DependencyUnavailable(
                    f"the allocator's actor does not answer after {failures} attempts: {error}"
                ) from error
            _LOG.warning("the allocator's actor does not answer (%d of %d): %s", failures, PATIENCE, error)
        if latest.state == "failed" and latest.error:
            raise AllocatorFailed(f"the allocator stopped: {latest.error}")
        if health is not None:
            health.not_ready(_why_not_ready(latest))
        mirror.show(latest)
        stop.wait(LOOK_SECONDS)


def _why_not_ready(view: AllocatorView) -> str:
    if view.state == "running":
        return ""
    return f"{view.state}: {view.progress}" if view.progress else view.state


def _say(waiting: str, before: str) -> str:
    """Log why no call is made, once for each reason, and that calls are made again."""
    if waiting and waiting != before:
        _LOG.error("no LLM calls at the moment: %s", waiting)
    elif before and not waiting:
        _LOG.warning("the LLM takes calls again")
    return waiting


def _end(actor: Any) -> None:
    try:
        ended = ray.get(actor.stop.remote(STOP_SECONDS), timeout=STOP_SECONDS + 10)
        if not ended:
            _LOG.warning(
                "calls were still under way after %.0f s; the journal keeps their answers", STOP_SECONDS
            )
    except ray.exceptions.RayError as error:
        _LOG.warning("the allocator's actor ended before it could be stopped: %s", error)
    ray.kill(actor)
