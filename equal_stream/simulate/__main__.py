"""`python -m equal_stream.simulate` does what `equal-stream simulate-llm` does."""

import typer

from equal_stream.simulate.cli import simulate_llm

typer.run(simulate_llm)
