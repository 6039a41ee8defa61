"""The policies by name; a new one is a file here and a line below."""

from typing import Any

from equal_stream.allocation.exceptions import UnknownPolicy
from equal_stream.allocation.policy.base import Policy
from equal_stream.allocation.policy.calibrated import Calibrated
from equal_stream.allocation.policy.discounted_ucb import DiscountedUCB
from equal_stream.allocation.policy.equal import EQUAL
from equal_stream.allocation.policy.random import Random
from equal_stream.allocation.policy.raw_ucb import RawUCB
from equal_stream.allocation.policy.retrieval import Retrieval
from equal_stream.allocation.policy.ucb_ratio import UCBRatio
from equal_stream.allocation.policy.uniform import Uniform

POLICIES: dict[str, type[Policy]] = {
    policy.name: policy
    for policy in (Calibrated, Retrieval, EQUAL, UCBRatio, DiscountedUCB, RawUCB, Uniform, Random)
}


def make_policy(name: str, *, exploration: float = 0.0, **options: Any) -> Policy:
    """Return a new policy; `options` are those its constructor takes.

    Raises
    ------
    UnknownPolicy
        There is none of this name.
    """
    if name not in POLICIES:
        known = ", ".join(POLICIES)
        raise UnknownPolicy(f"There is no policy {name!r}; set allocation.policy to one of: {known}.")
    return POLICIES[name](exploration, **options)
