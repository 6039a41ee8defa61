"""`equal-stream run`: one role as a process of its own, as Kubernetes runs it."""

import importlib

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_write
from equal_stream.observability.lag import LagWatch
from equal_stream.observability.role import running
from equal_stream.roles import ALLOCATOR, CLUSTERER, EMBEDDER, Role
from equal_stream.settings_rules import require_role_ready
from equal_stream.transport.kafka.permissions import require_allowed

app = typer.Typer(no_args_is_help=True, help="Run one role until SIGTERM or Ctrl-C.")


@app.command()
def embedder(ctx: typer.Context) -> None:
    """Turn crawled documents into passages with vectors. Run one process a core.

    Example: equal-stream run embedder --set transport=kafka --set kafka.bootstrap_servers=broker:9092
    """
    run_role(ctx, EMBEDDER)


@app.command()
def clusterer(ctx: typer.Context) -> None:
    """Give each passage a cluster. There is one clusterer; a second one takes over from the first.

    Example: equal-stream run clusterer --config equal-stream.yaml
    """
    run_role(ctx, CLUSTERER)


@app.command()
def allocator(ctx: typer.Context) -> None:
    """Spend the budget on the passages worth most, and publish the pairs. There is one allocator.

    Example: equal-stream run allocator --set llm.model=NAME --set budget.usd_total=20
    """
    run_role(ctx, ALLOCATOR)


def run_role(ctx: typer.Context, role: Role) -> None:
    """Check what the role needs, then run its loop until it is told to stop."""
    settings = settings_of(ctx)
    require_role_ready(settings, role.name)
    with running(settings, role.name) as stop, LagWatch(settings, [role]):
        with log_to_write(settings):
            pass  # the topics are there, or the sentence says what to do
        require_allowed(settings, role)
        consumer = importlib.import_module(f"consumers.{role.name}")
        getattr(consumer, f"run_{role.name}")(settings, stop)
