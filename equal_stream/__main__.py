"""`python -m equal_stream` does what `equal-stream` does."""

from equal_stream.cli.app import main

main()
