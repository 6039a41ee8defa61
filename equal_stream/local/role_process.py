"""One role as a child process that never outlives the process that started it."""

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from equal_stream.errors import EqualStreamError
from equal_stream.observability.lag import LagWatch
from equal_stream.observability.role import running
from equal_stream.roles import PROCESSES, Role
from equal_stream.settings import Settings

ORPHAN_SECONDS = 15.0  # to stop in good order; Ray went with the parent, and a call to it waits for minutes


def start_role(role: Role, settings: Settings, instance: int = 0) -> BaseProcess:
    """Start a role with these settings and return its process, which begins in a fresh interpreter."""
    context = multiprocessing.get_context("spawn")
    name = role.name if instance == 0 else f"{role.name}-{instance}"
    process = context.Process(target=_run, args=(role.name, name, settings), name=name)
    process.start()
    return process


def _run(role_name: str, name: str, settings: Settings) -> None:
    _end_with_parent()
    role = next(each for each in PROCESSES if each.name == role_name)
    try:
        with running(settings, name) as stop, LagWatch(settings, [role]):
            consumer = importlib.import_module(f"consumers.{role_name}")
            getattr(consumer, f"run_{role_name}")(settings, stop)
    except EqualStreamError as error:
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(error.exit_code)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
