"""Passages and pairs in two made-up languages: whoever learns the dictionary finds every pair.

A passage names its things in one language and its pair names them in the other, so an encoder can match
them only by what it has learned, and what it learned from some documents serves for all others.
"""

import itertools
import random

from equal_stream.alignment.examples import Example

_STONES = {
    "granite": "blorfa",
    "marble": "quinnet",
    "basalt": "drozek",
    "slate": "vimpol",
    "chalk": "hustra",
    "flint": "ombrek",
}
_PLACES = {
    "harbour": "jekkit",
    "orchard": "sarnum",
    "canyon": "wobeth",
    "glacier": "pilgra",
    "meadow": "toxund",
    "island": "keffal",
}
_TOOLS = {
    "hammer": "fendik",
    "saddle": "grubol",
    "lantern": "mivash",
    "compass": "yorten",
    "anchor": "lukpra",
    "violin": "zendor",
}


def dictionary_examples(count: int, pairs: int = 2) -> list[Example]:
    """Return up to 216 documents of one passage with so many pairs each, in random order."""
    every = list(itertools.product(_STONES, _PLACES, _TOOLS))
    random.Random(0).shuffle(every)
    return [
        Example(
            f"document-{number}",
            f"They found {stone} near the {place} and left a {tool} behind.",
            tuple(
                f"{asked} {_STONES[stone]} {_PLACES[place]} {_TOOLS[tool]}?\n{_TOOLS[tool]}"
                for asked in ("Which", "What", "Where")[:pairs]
            ),
        )
        for number, (stone, place, tool) in enumerate(every[:count])
    ]
