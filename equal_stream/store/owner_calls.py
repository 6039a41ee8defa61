"""Calls to the Ray actor that owns the embedded store, which outlast its restarts.

While the actor restarts, calls are asked again until the time is up, so each may be carried out twice.
"""

import hashlib
import time
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from equal_stream.ray_runtime import detached_actor
from equal_stream.settings import Settings
from equal_stream.store.base import StoreUnavailable
from equal_stream.store.owner import CONCURRENCY, StoreOwner

_RETRY_SECONDS = 0.2


def owner_of(settings: Settings) -> Any:
    """Return the handle of the one `StoreOwner` of the data directory, started when there is none yet."""
    if not ray.is_initialized():  # or Ray would start a cluster of its own now
        raise RuntimeError("The embedded store is reached through Ray: call ray_runtime.connect first.")
    root = str(settings.data_dir.resolve() / "store")
    return detached_actor(
        settings,
        StoreOwner,
        "store-owner-" + hashlib.sha256(root.encode()).hexdigest()[:12],
        root,
        max_restarts=-1,
        concurrency_groups=CONCURRENCY,
        resources={"node:__internal_head__": 0.001},  # always the same machine, hence the same files
    )


class OwnerCalls:
    """Asks the owner of the settings' data directory.

    Parameters
    ----------
    settings
        `data_dir`, `ray.namespace`, and `store.timeout_seconds`: how long a call may take in all.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout = settings.store.timeout_seconds
        self._owner: Any = None

    def ask(self, call: str, *args: Any, **options: Any) -> tuple[Any, int]:
        """Return what a method of `StoreOwner` answers, and how many times it was asked.

        Raises
        ------
        StoreUnavailable
            The owner does not answer in time. What it raises itself is raised here too.
        """
        deadline = time.monotonic() + self._timeout
        asked = 0
        while True:
            asked += 1
            try:
                answer = getattr(self._reach(), call).remote(*args, **options)
                return ray.get(answer, timeout=max(0.1, deadline - time.monotonic())), asked
            except RayTaskError as error:
                raise error.cause from error
            except (GetTimeoutError, RayActorError) as error:
                self._owner = None
                if time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise StoreUnavailable(
                        f"The embedded store under {self._settings.data_dir} did not answer within "
                        f"{self._timeout:g} seconds: see whether the Ray cluster's head runs and has memory "
                        "and disk space left, or raise EQUAL_STREAM_STORE__TIMEOUT_SECONDS."
                    ) from error
                time.sleep(_RETRY_SECONDS)

    def close(self) -> None:
        """Forget the owner, which lives on for the other roles."""
        self._owner = None

    def _reach(self) -> Any:
        if self._owner is None:
            self._owner = owner_of(self._settings)
        return self._owner
