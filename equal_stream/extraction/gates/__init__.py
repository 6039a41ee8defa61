"""Gates: what a pair must satisfy. One function each, `(pair, passage) -> None or a reason`.

To add one, write a function like those in `question` and put it into the list in `registry`.
"""
