"""All gates in the order they are asked; the first that objects names the reason."""

import msgspec

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.gates.answer import answer_answers, answer_given, answer_not_the_question
from equal_stream.extraction.gates.base import Candidate, Gate, PassageView
from equal_stream.extraction.gates.duplicate import question_new
from equal_stream.extraction.gates.evidence import evidence_given, evidence_long_enough, evidence_verbatim
from equal_stream.extraction.gates.grounding import answer_in_numbers, answer_in_words
from equal_stream.extraction.gates.injection import speaks_to_the_reader
from equal_stream.extraction.gates.language import language_of_passage
from equal_stream.extraction.gates.protected import not_protected
from equal_stream.extraction.gates.question import question_self_contained, question_well_formed
from equal_stream.extraction.locate import QuoteIndex, Span
from equal_stream.extraction.parse import RawPair
from equal_stream.extraction.passage_tag import unescape
from equal_stream.extraction.protected import ProtectedQuestions
from equal_stream.ids import normalise_question
from equal_stream.settings import ExtractionSettings

GATES: tuple[Gate, ...] = (
    question_well_formed,
    answer_given,
    speaks_to_the_reader,
    evidence_given,
    evidence_verbatim,
    evidence_long_enough,
    answer_not_the_question,
    answer_answers,
    question_self_contained,
    answer_in_words,
    answer_in_numbers,
    language_of_passage,
    not_protected,
    question_new,
)


class Verdict(msgspec.Struct, frozen=True):
    """The pairs that passed every gate, and how many fell at each reason."""

    accepted: list[Candidate]
    rejected: dict[str, int]


def examine(
    pairs: list[RawPair], passage: PassageText, settings: ExtractionSettings, protected: ProtectedQuestions
) -> Verdict:
    """Put the pairs of one passage through the gates, in order; earlier pairs win over their duplicates."""
    view = PassageView(passage, settings, protected)
    verdict = Verdict([], {})
    for raw in pairs:
        pair = _candidate(raw, view.index)
        reason = next((reason for gate in GATES if (reason := gate(pair, view)) is not None), None)
        if reason is None:
            verdict.accepted.append(pair)
            view.asked.add(normalise_question(pair.question))
        else:
            verdict.rejected[reason] = verdict.rejected.get(reason, 0) + 1
    return verdict


def _candidate(raw: RawPair, index: QuoteIndex) -> Candidate:
    """Tidy a pair and look its evidence up, first as given, then without the prompt's escapes."""
    return Candidate(
        question=" ".join(_printable(unescape(raw.question)).split()),
        answer=_printable(unescape(raw.answer)).strip(),
        evidence=raw.evidence,
        span=_find(raw.evidence, index),
    )


def _find(evidence: str, index: QuoteIndex) -> Span | None:
    return index.find(evidence) or index.find(unescape(evidence))


def _printable(text: str) -> str:
    """Leave out control characters other than white space."""
    return "".join(character for character in text if character >= " " or character in "\n\t")
