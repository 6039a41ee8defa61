"""Pairs without an LLM, from pages that carry their own questions or say plainly what things are.

One recogniser a file, each `(passage) -> pairs in the order of the page`: questions and answers (`faq`),
the parts of a docstring (`docstring`), worked examples (`examples`) and definitions (`definitions`).
`registry` lists them by how much their pairs are worth, `extractor` makes an `Asker` of them. Every
answer is the page's own text, and so is its evidence.
"""
