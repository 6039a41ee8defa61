"""A small crawl over three themes, written by chance from a seed: pages of facts, and questions about them.

Every sentence states one fact with a name or a number of its own, so each question has one answer, verbatim
in one sentence of one page, and no two pages resemble each other.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Page = dict[str, Any]

_SYLLABLES = (
    *("bel", "cor", "dan", "fen", "gar", "hol", "isk", "jur", "kel", "lum"),
    *("mor", "nas", "orv", "pel", "rud", "sol", "tam", "ulf", "ver", "wen"),
)
# For each theme: sentences with {place}, {name} and {n}, and for some the question they answer with it.
_THEMES: dict[str, list[tuple[str, str, str]]] = {
    "tides": [
        ("At {place} the spring tide lifts the harbour by {n} centimetres above its mean level.",
         "How far does the spring tide lift the harbour at {place}?", "{n} centimetres"),
        ("Pilots of {place} wait for slack water, which lasts {n} minutes there.",
         "How long does slack water last at {place}?", "{n} minutes"),
        ("The tide gauge of {place} was built by {name} and still writes its curve on paper.",
         "Who built the tide gauge of {place}?", "{name}"),
        ("Off {place} the ebb runs out past the {name} shoal at {n} knots in autumn.",
         "Past which shoal does the ebb run off {place}?", "{name} shoal"),
        ("A neap tide leaves {n} boats aground on the mud below {place}.",
         "How many boats does a neap tide leave aground below {place}?", "{n} boats"),
        ("The moon's pull reaches {place} late, for the bay of {name} holds the water back.", "", ""),
        ("Sluices at {place} open when the flood stands {n} hand-breadths up the wall.", "", ""),
        ("Sailors moor at {place} with {n} fathoms of slack, lest the ebb lift the anchor.", "", ""),
    ],
    "bees": [
        ("The apiary of {place} keeps {n} hives under its lime trees.",
         "How many hives does the apiary of {place} keep?", "{n} hives"),
        ("In {place} the queen of the oldest colony was bred by {name}.",
         "Who bred the queen of the oldest colony in {place}?", "{name}"),
        ("Honey from {place} is spun {n} days after the clover has faded.",
         "When is honey from {place} spun?", "{n} days after the clover has faded"),
        ("Against mites the keepers of {place} dust their combs with the powder of {name}.",
         "With what do the keepers of {place} dust their combs?", "powder of {name}"),
        ("A swarm at {place} weighs {n} grams and hangs from the same pear tree each May.",
         "How much does a swarm at {place} weigh?", "{n} grams"),
        ("Workers of {place} dance for the heather slopes of {name} when the lime is over.", "", ""),
        ("Wax from {place} melts in {n} pans and smells of resin.", "", ""),
        ("Drones leave the hives at {place} by the end of August, {n} of them in an hour.", "", ""),
    ],
    "bread": [
        ("Bakers in {place} let their sourdough rest for {n} hours in linen baskets.",
         "How long do bakers in {place} let their sourdough rest?", "{n} hours"),
        ("The rye loaf of {place} was first baked by {name} for the miners.",
         "Who first baked the rye loaf of {place}?", "{name}"),
        ("An oven at {place} is fired with beech until its floor has {n} degrees.",
         "How hot does the floor of an oven at {place} become?", "{n} degrees"),
        ("Flour for {place} is ground between the stones of the {name} mill.",
         "At which mill is the flour for {place} ground?", "{name} mill"),
        ("A crust from {place} cracks into {n} pieces when it cools as it should.",
         "Into how many pieces does a crust from {place} crack?", "{n} pieces"),
        ("The leaven of {place} is fed with the bran of {name} every second night.", "", ""),
        ("Dough at {place} is folded {n} times before anybody shapes it.", "", ""),
        ("Caraway in the loaves of {place} comes from {n} gardens behind the church.", "", ""),
    ],
}  # fmt: skip
THEMES = tuple(_THEMES)


def page(theme: str, number: int, sentences: int = 6) -> Page:
    """Return page `number` of a theme: its url, title, text and the questions it answers with `qa`."""
    rng = random.Random(f"{theme}/{number}")
    place = _name(rng)
    lines, qa = [], []
    for form, question, answer in rng.sample(_THEMES[theme] * (1 + sentences // 8), sentences):
        words = {"place": place, "name": f"{_name(rng)} {_name(rng)}", "n": rng.randrange(11, 989)}
        lines.append(form.format(**words))
        if question and not any(each["question"] == question.format(**words) for each in qa):
            qa.append({"question": question.format(**words), "answer": answer.format(**words)})
    return {
        "url": f"https://{theme}.pages.invalid/{number}",
        "title": f"{place} and its {theme}",
        "text": " ".join(lines),
        "qa": qa,
    }


def crawl(each_theme: int) -> list[Page]:
    """Return so many pages of each theme, mixed."""
    pages = [page(theme, number) for theme in THEMES for number in range(each_theme)]
    random.Random(0).shuffle(pages)
    return pages


def references(theme: str, count: int) -> list[dict[str, str]]:
    """Return questions about a theme, with answers, from pages that are not in the crawl."""
    pairs = (pair for number in range(1_000, 1_000 + count) for pair in page(theme, number)["qa"])
    return [pair for pair, _ in zip(pairs, range(count), strict=False)]


def texts(pages: Sequence[Page]) -> dict[str, str]:
    """Return the text of each page by its url."""
    return {each["url"]: each["text"] for each in pages}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=3)).capitalize()
