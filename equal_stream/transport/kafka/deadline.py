"""Bounds waits that the client leaves unbounded."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread


class DeadlineExpired(Exception):
    """The call did not return in time; it may still be running, and may still have its effect."""


def call_within(seconds: float, call: Callable[[], None]) -> None:
    """Run a call in a thread of its own and wait for it.

    Raises
    ------
    DeadlineExpired
        When it has not returned after `seconds`.
    Exception
        Whatever the call raised.
    """
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            ended.put(error)
        else:
            ended.put(None)

    Thread(target=run, name="kafka-call", daemon=True).start()
    try:
        error = ended.get(timeout=seconds)
    except Empty:
        raise DeadlineExpired from None
    if error is not None:
        raise error
