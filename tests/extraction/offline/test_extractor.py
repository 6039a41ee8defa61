"""The offline extractor answers and is charged like an LLM that costs no money."""

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.offline.extractor import MODEL, OfflineExtractor
from equal_stream.extraction.parse import parse
from tests.extraction.material import NILE, ticket_for

FAQ = PassageText(
    text="Q: How long does delivery take?\nA: Three to five working days.\n", start=0, title="Help", lang="en"
)


async def test_its_entry_names_it_and_costs_tokens_but_no_money() -> None:
    entry = await OfflineExtractor(5).ask(ticket_for(FAQ, tokens=17), FAQ)
    assert (entry.model, entry.cost_usd, entry.usage_known) == (MODEL, 0.0, True)
    assert entry.tokens_in == 17
    assert entry.tokens_out == -(-len(entry.content) // 4)
    assert [pair.question for pair in parse(entry.content, 5).pairs] == ["How long does delivery take?"]


async def test_a_passage_without_questions_costs_its_reading() -> None:
    passage = PassageText(text="Nothing is asked here.", start=0, title="", lang="en")
    entry = await OfflineExtractor(5).ask(ticket_for(passage, tokens=9), passage)
    assert (entry.tokens_in, entry.tokens_out, entry.content) == (9, 0, '{"pairs":[]}')


async def test_it_never_costs_more_than_was_reserved() -> None:
    for reserved in (0, 5, 20):
        entry = await OfflineExtractor(5).ask(ticket_for(FAQ, tokens=17, reserved_tokens=reserved), FAQ)
        assert entry.tokens_in + entry.tokens_out <= reserved


async def test_the_same_passage_gives_the_same_answer() -> None:
    extractor = OfflineExtractor(5)
    first, second = [await extractor.ask(ticket_for(NILE), NILE) for _ in range(2)]
    assert first.content == second.content
