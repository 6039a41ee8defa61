"""The collections as commands open them: those of a service that runs, or those at rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from equal_stream.settings import Settings

if TYPE_CHECKING:
    from equal_stream.store.places import Place


@contextmanager
def collections_of(settings: Settings) -> Iterator["Place"]:
    """Return where the service's collections are, whether it runs or not.

    Enter it before anything that imports Ray: which token it shows is settled then.
    """
    from equal_stream.local.cluster_file import in_running_cluster  # noqa: PLC0415 - `--help` needs none of it

    settings = in_running_cluster(settings)
    from equal_stream.store.places import place_beside  # noqa: PLC0415 - see above

    with place_beside(settings) as place:
        yield place
