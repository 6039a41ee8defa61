"""The simulated LLM as a provider with bad days: it goes away, or refuses, and keeps its books."""

from pathlib import Path
from typing import Any

from equal_stream.simulate.process import SimulatedLLM

_RATES: dict[str, Any] = {  # of an ordinary day, together about 8 %
    "rate_429": 0.02,
    "rate_500": 0.01,
    "rate_timeout": 0.004,
    "rate_garbage": 0.01,
    "rate_truncated": 0.005,
    "rate_hallucinated": 0.01,
    "rate_no_usage": 0.01,
    "rate_refusal": 0.005,
    "rate_reset": 0.01,
}
_REFUSING: dict[str, Any] = {"rate_refusal": 1.0}


class Provider:
    """One LLM at one address, whose bill goes on from one life to the next.

    Parameters
    ----------
    directory
        Where its books are kept.
    port
        Its address stays the same.
    latency
        Mean seconds of a call.
    """

    def __init__(self, directory: Path, seed: int, port: int, latency: float) -> None:
        books = directory / "bill.jsonl"
        self._options: dict[str, Any] = {
            "audit_file": books,
            "seed": seed,
            "port": port,
            "latency": latency,
            "hang_seconds": 30,
        }
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._running: SimulatedLLM | None = None

    def start(self, *, refusing: bool = False) -> None:
        """Start it, in a good mood or a bad one."""
        self.stop()
        rates = _REFUSING if refusing else _RATES
        self._running = SimulatedLLM(**self._options, **rates).start()

    def stop(self) -> None:
        """Stop it; what is being processed is dropped, unbilled."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def bill(self) -> dict[str, Any]:
        """Return its books, request by request."""
        assert self._running is not None, "the books are asked for while the LLM runs"
        return self._running.audit(detail=True)
