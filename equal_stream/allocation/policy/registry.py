"""The policies by name; a new one is a file here and a line below."""

from equal_stream.allocation.exceptions import UnknownPolicy
from equal_stream.allocation.policy.base import Policy
from equal_stream.allocation.policy.calibrated import Calibrated
from equal_stream.allocation.policy.random import Random
from equal_stream.allocation.policy.retrieval import Retrieval
from equal_stream.allocation.policy.uniform import Uniform

POLICIES: dict[str, type[Policy]] = {
    policy.name: policy for policy in (Calibrated, Retrieval, Uniform, Random)
}


def make_policy(name: str, *, exploration: float = 0.0) -> Policy:
    """Return a new policy.

    Raises
    ------
    UnknownPolicy
        There is none of this name.
    """
    try:
        return POLICIES[name](exploration)
    except KeyError:
        known = ", ".join(POLICIES)
        raise UnknownPolicy(
            f"There is no policy {name!r}; set allocation.policy to one of: {known}."
        ) from None
