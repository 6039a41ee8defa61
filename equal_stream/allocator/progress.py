"""How far a recovery is, in words for whoever waits for it."""

from collections.abc import Callable

Told = Callable[[int, int], None]  # how many are done, of how many


class Progress:
    """What is being done at the moment; safe to read from another thread.

    Attributes
    ----------
    text
        In a few words; empty before and after.
    """

    def __init__(self) -> None:
        self.text = ""

    def begin(self, what: str) -> Told:
        """Note what is done from now on; what is returned is to be told how far that is."""
        self.text = what

        def told(done: int, total: int) -> None:
            self.text = f"{what}, {min(done, total):,} of {total:,}"

        return told

    def end(self) -> None:
        """Note that nothing is left to do."""
        self.text = ""
