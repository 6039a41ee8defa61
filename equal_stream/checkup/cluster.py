"""The Ray cluster that the allocator and its workers live in."""

import time

from equal_stream.checkup.finding import Verdict
from equal_stream.ray_runtime import connect
from equal_stream.settings import Settings


def ray(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that the Ray cluster can be joined, or that one can be started here."""
    began = time.monotonic()
    connection = connect(settings, deadline_seconds=10.0)
    try:
        seconds = time.monotonic() - began
    finally:
        connection.stop()
    if settings.ray.address:
        return "ok", f"joined the cluster at {settings.ray.address} in {seconds:.1f} s", ""
    return "ok", f"a cluster on this machine starts in {seconds:.1f} s", ""
