"""`equal-stream simulate-llm`: the command line of the simulated LLM."""

from pathlib import Path
from typing import Annotated

import typer

from equal_stream.simulate.audit import Audit, AuditFileError
from equal_stream.simulate.chance import Chance, RatesError
from equal_stream.simulate.outcomes import Outcome
from equal_stream.simulate.recorded import RecordedPairs
from equal_stream.simulate.recorded_file import RecordedFileError
from equal_stream.simulate.request_limit import RequestLimit
from equal_stream.simulate.server import SimulatedModel, Unknown
from equal_stream.simulate.serving import ListenError, listen, serve

Rate = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Probability of this fault.", rich_help_panel="Faults")
]


def simulate_llm(
    *,
    recorded: Annotated[
        list[Path] | None,
        typer.Option(
            help="JSONL(.gz) of documents: text and qa, a list of question and answer. May be repeated."
        ),
    ] = None,
    unknown: Annotated[
        Unknown, typer.Option(help="What passages of no recorded document get.")
    ] = "heuristic",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 0,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the port here once requests are accepted.")
    ] = None,
    model: Annotated[str, typer.Option(help="The only model served; default: whichever is asked for.")] = "",
    api_key: Annotated[
        str,
        typer.Option(help="Required of clients; best given by the variable.", envvar="SIMULATE_LLM_API_KEY"),
    ] = "",
    seed: Annotated[int, typer.Option(help="Same seed, same fate of request number n.")] = 0,
    latency: Annotated[float, typer.Option(help="Mean seconds of processing, lognormal.", min=0.0)] = 0.0,
    latency_sigma: Annotated[float, typer.Option(help="Sigma of the lognormal; 0: constant.", min=0.0)] = 0.5,
    requests_per_minute: Annotated[int, typer.Option(help="Beyond this, 429; 0: no limit.", min=0)] = 0,
    retry_after: Annotated[int, typer.Option(help="Retry-After of a 429 by chance, seconds.", min=0)] = 1,
    hang_seconds: Annotated[float, typer.Option(help="How long a timeout stays silent.", min=0.0)] = 3600.0,
    faults: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Spread over all faults evenly.", rich_help_panel="Faults")
    ] = 0.0,
    rate_429: Rate = 0.0,
    rate_500: Rate = 0.0,
    rate_timeout: Rate = 0.0,
    rate_garbage: Rate = 0.0,
    rate_truncated: Rate = 0.0,
    rate_hallucinated: Rate = 0.0,
    rate_no_usage: Rate = 0.0,
    rate_refusal: Rate = 0.0,
    rate_reset: Rate = 0.0,
    audit_file: Annotated[
        Path | None, typer.Option(help="Append every audit record to this JSONL, and go on from it.")
    ] = None,
    in_mtok_cost: Annotated[
        float | None, typer.Option(help="USD per million prompt tokens.", min=0.0)
    ] = None,
    out_mtok_cost: Annotated[
        float | None, typer.Option(help="USD per million completion tokens.", min=0.0)
    ] = None,
    until_stdin_closes: Annotated[bool, typer.Option("--until-stdin-closes", hidden=True)] = False,
) -> None:
    """Serve an OpenAI-compatible LLM that answers from recorded pairs, with faults and an audit.

    Point a client's base URL at http://HOST:PORT/v1;
    what was billed is at http://HOST:PORT/audit (?detail=1: every request).

    Billed: every request that a model has read, so also garbage, truncated,
    hallucinated, refusal and no-usage answers, and timeouts and resets, of
    which the client sees no usage. Not billed: 400, 401, 404, 429 and 500.

    Example: equal-stream simulate-llm --recorded docs.jsonl.gz --faults 0.05
    """
    rates = {
        Outcome.BUSY: rate_429,
        Outcome.ERROR: rate_500,
        Outcome.TIMEOUT: rate_timeout,
        Outcome.GARBAGE: rate_garbage,
        Outcome.TRUNCATED: rate_truncated,
        Outcome.HALLUCINATED: rate_hallucinated,
        Outcome.NO_USAGE: rate_no_usage,
        Outcome.REFUSAL: rate_refusal,
        Outcome.RESET: rate_reset,
    }
    try:
        simulated = SimulatedModel(
            chance=Chance(rates, faults, latency, latency_sigma, seed),
            audit=Audit(audit_file, in_mtok_cost, out_mtok_cost),
            limit=RequestLimit(requests_per_minute),
            recorded=RecordedPairs(recorded) if recorded else None,
            unknown=unknown,
            model=model,
            api_key=api_key,
            retry_after=retry_after,
            hang=hang_seconds,
        )
        listener = listen(host, port, port_file)
    except (RecordedFileError, RatesError, AuditFileError, ListenError) as error:
        typer.echo(f"simulate-llm: {error}", err=True)
        raise typer.Exit(2) from error
    known = f"{len(simulated.recorded)} recorded documents" if simulated.recorded else "no recorded documents"
    typer.echo(f"simulate-llm: http://{host}:{listener.getsockname()[1]}/v1 answers from {known}", err=True)
    serve(simulated.app(), listener, port_file, until_stdin_closes=until_stdin_closes)
