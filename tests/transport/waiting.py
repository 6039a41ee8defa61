"""Polling several consumers at once until something holds."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from equal_stream.transport.base import Consumer, Record

PATIENCE = 30.0


def poll_until(condition: Callable[[], bool], *consumers: Consumer) -> list[Record]:
    """Poll the consumers, each in a thread of its own, until something holds; return what came."""
    found: list[Record] = []
    turns = [Lock() for _ in consumers]  # a consumer is used by one thread at a time
    free, stop = Event(), Event()
    free.set()

    def keep_polling(consumer: Consumer, turn: Lock) -> None:
        while not stop.is_set():
            with turn:
                found.extend(consumer.poll(1000, 0.02))
            free.wait(1)

    def holds() -> bool:
        free.clear()
        taken = [turn for turn in turns if turn.acquire(timeout=0.1)]
        try:
            return len(taken) == len(turns) and condition()
        finally:
            free.set()
            for turn in taken:
                turn.release()

    give_up = time.monotonic() + PATIENCE
    with ThreadPoolExecutor(len(consumers)) as threads:
        polling = [threads.submit(keep_polling, *each) for each in zip(consumers, turns, strict=True)]
        try:
            while not holds():
                for each in polling:
                    if each.done():
                        each.result()
                assert time.monotonic() < give_up, "it never came to pass"
                time.sleep(0.02)
        finally:
            stop.set()
    for each in polling:
        each.result()
    return found
