"""Is it an answer? Not empty, not endless, not the question again, not a shrug."""

import re

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.ids import normalise_question

_EXACT_SHRUGS = frozenset(
    {"n/a", "na", "unknown", "none given", "not mentioned", "not specified", "not stated"}
)
_BLANK = re.compile(r"[\s_.…·●*\[\](){}–—-]*")  # nothing, or the placeholder of a form
_SOURCE = r"(?:passage|text|document|article|excerpt|context|information)"
_SHRUG = re.compile(
    r"\bnot (?:explicitly |directly |clearly )?(?:mentioned|specified|stated|provided|given|described)"
    rf" (?:in|by) (?:the|this) (?:given |provided |above )?{_SOURCE}"
    rf"|\b(?:the|this) (?:given |provided |above )?{_SOURCE} (?:does not|doesn't|do not) "
    r"(?:explicitly |directly )?(?:mention|specify|state|say|provide|give|describe|contain|include|discuss)"
    r"|\A(?:i (?:do not|don't) know|(?:it|this) is (?:unknown|unclear)|no information)\b"
    r"|\A(?:cannot|can't|could not) be (?:determined|answered)\b"
    r"|文中(?:没有|沒有|未|并未|並未)提|(?:没有|沒有|未)在?文中?提(?:及|到)|\A(?:无法确定|無法確定|不知道)"
    r"|\b(?:wird|ist) im text nicht (?:erwähnt|genannt|angegeben)"
    r"|\bn'est pas mentionné dans le texte|\bno se menciona en el texto",
    re.IGNORECASE,
)


def answer_given(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse an answer that is empty or longer than the setting."""
    if _BLANK.fullmatch(pair.answer):
        return "answer-empty"
    return "answer-too-long" if len(pair.answer) > passage.settings.max_answer_characters else None


def answer_not_the_question(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse an answer that says the question again."""
    same = normalise_question(pair.answer) == normalise_question(pair.question)
    return "answer-repeats-question" if same else None


def answer_answers(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse "not mentioned in the passage" and its kin: the pair asks what the passage does not tell."""
    shrug = pair.answer.casefold().rstrip(".。") in _EXACT_SHRUGS or _SHRUG.search(pair.answer)
    return "answer-declines" if shrug else None
