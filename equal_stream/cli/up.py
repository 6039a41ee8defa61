"""`equal-stream up`: all roles on this machine, for real use, until stopped."""

from typing import Annotated

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.settings_rules import require_llm_ready, require_passages_ready, require_transport_ready


def up(
    ctx: typer.Context,
    embedders: Annotated[int, typer.Option(min=1, help="Embedder processes; one a core is best.")] = 1,
) -> None:
    """Run embedder, clusterer and allocator here until SIGTERM or Ctrl-C.

    Feed it with `equal-stream ingest`, aim it with `equal-stream reference add`, watch it with
    `equal-stream status`, and take the pairs with `equal-stream subscribe`.

    Example: equal-stream up --set llm.base_url=URL --set llm.model=NAME --set llm.in_mtok_cost=0.15
    --set llm.out_mtok_cost=0.6 --set budget.usd_total=5
    """
    settings = settings_of(ctx)
    require_transport_ready(settings)
    require_passages_ready(settings)
    require_llm_ready(settings)
    from equal_stream.local.service import LocalService  # noqa: PLC0415 - loads Ray, which takes a second
    from equal_stream.observability.role import running  # noqa: PLC0415 - as above

    with running(settings, "up") as stop:
        service = LocalService(settings, embedders)
        try:
            service.start()
            service.run(stop)
        finally:
            service.stop()
