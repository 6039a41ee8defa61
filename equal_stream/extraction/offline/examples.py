"""Worked examples in a Python session: what was typed is the question, what was printed the answer.

Only sessions that can be understood alone are taken: short, with one printed line, and with every name in
them defined by the session itself, by Python, or by custom.
"""

import ast
import builtins
import re
from collections.abc import Iterator
from typing import NamedTuple

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.offline.subject import is_code_name, subject
from equal_stream.extraction.parse import RawPair

_PROMPT = re.compile(r"[ \t]*(?P<mark>>>>|\.\.\.)(?: (?P<code>.*)|\s*)$")
_COMMENT = re.compile(r"\s*(?:^|\s\s)#[^'\"]*$|\s*# ?doctest:.*$")
_LONGEST_SESSION = 400  # characters: what one question can hold
_LONGEST_RESULT = 120
_NOT_A_RESULT = re.compile(r"\n|Traceback|\.\.\.|<|#|\bat 0x")  # many lines, errors, elisions, addresses
_BY_CUSTOM = frozenset({"np", "pd", "plt", "stats", "nx", "sp", "scipy", "numpy", "torch", "xp"})


class Step(NamedTuple):
    """A statement of a session and what it printed; offsets into the passage's text."""

    code: str
    result: str
    start: int
    end: int


def worked_examples(passage: PassageText) -> Iterator[RawPair]:
    """Yield one pair for each short session that ends in a printed result."""
    name, text = subject(passage), passage.text
    if not is_code_name(name):
        return
    for session in _sessions(text):
        last = next((at for at, step in enumerate(session) if step.result), None)
        if last is None:
            continue
        setup, step = [each.code for each in session[:last] if each.code], session[last]
        quote = text[session[0].start : step.end]
        if len(quote) > _LONGEST_SESSION or name.rsplit(".", 1)[-1] not in quote:
            continue
        if _is_result(step.result) and _stands_alone(setup, step.code, name):
            before = f"After `{'; '.join(setup)}`, what" if setup else "What"
            yield RawPair(f"{before} does `{step.code}` give in Python?", f"`{step.result}`", quote)


def _sessions(text: str) -> Iterator[list[Step]]:
    """Yield runs of statements with no prose between them."""
    session: list[Step] = []
    at = 0
    for line in [*text.splitlines(keepends=True), "\n"]:
        start, at = at, at + len(line)
        bare = line.rstrip()
        typed = _PROMPT.match(bare)
        if typed is not None:
            if typed["mark"] == "...":
                session = []  # a compound statement fits no question
            else:
                code = _COMMENT.sub("", typed["code"] or "").strip()
                session.append(Step(code, "", start + typed.start("mark"), start + len(bare)))
        elif not bare:
            if session:
                yield session
            session = []
        elif session:
            result = f"{session[-1].result}\n{bare.strip()}".strip()
            session[-1] = session[-1]._replace(result=result, end=start + len(bare))


def _is_result(result: str) -> bool:
    says_something = any(character.isalnum() for character in result)
    return says_something and len(result) <= _LONGEST_RESULT and not _NOT_A_RESULT.search(result)


def _stands_alone(setup: list[str], expression: str, name: str) -> bool:
    """Return whether the code parses, ends in an expression, and uses no name from elsewhere."""
    try:
        before = ast.parse("\n".join(setup))
        asked = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    used, made = set(), {*name.split("."), *_BY_CUSTOM, *dir(builtins)}
    for node in (*ast.walk(before), *ast.walk(asked)):
        match node:
            case ast.Name(id=identifier, ctx=ast.Load()):
                used.add(identifier)
            case ast.Name(id=identifier) | ast.arg(arg=identifier):
                made.add(identifier)
            case ast.alias(name=imported, asname=renamed):
                made.add(renamed or imported.split(".")[0])
    return used <= made
