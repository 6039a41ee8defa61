import pytest

from equal_stream.backtest.placing import Places

RIVERS = ["The Rhine rises in the Alps.", "The Danube ends in the Black Sea.", "Both are long rivers."]


@pytest.mark.parametrize(
    ("question", "answer", "place"),
    [
        ("Where does the Danube end?", "in the Black Sea", 1),
        ("Where does it end?", "IN THE BLACK SEA", 1),
        ("What are both?", "They are rivers, and long", 2),
        ("Where does the Rhine rise?", "Somewhere in Switzerland", 0),
        ("Zürich?", "nothing that is there", 0),
        ("?", "", 0),
    ],
)
def test_a_pair_goes_to_the_passage_with_its_answer_or_else_with_most_of_its_words(question, answer, place):
    assert Places(RIVERS).place(question, answer) == place


def test_white_space_does_not_hide_an_answer():
    passages = ["nothing of the kind", "the  tall\n\toak\u00a0tree stands"]
    assert Places(passages).place("Which?", " tall oak tree ") == 1


def test_an_answer_in_several_passages_goes_where_the_question_is_answered():
    passages = ["In 1890 the bridge was built.", "In 1890 the tower fell.", "In 1890 it rained."]
    assert Places(passages).place("When did the tower fall?", "1890") == 1
    assert Places(passages).place("When?", "1890") == 0


def test_the_answer_word_for_word_weighs_more_than_many_words_in_common():
    passages = ["where does the river end and where does the river begin", "Ulm"]
    assert Places(passages).place("where does the river begin", "Ulm") == 1


def test_chinese_is_placed_by_its_characters():
    passages = ["東印度公司在長崎設立商館。", "荷蘭人於1624年在臺灣建城。", "鄭成功於1662年收復臺灣。"]
    assert Places(passages).place("鄭成功何時收復臺灣?", "1662年") == 2
    assert Places(passages).place("誰在臺灣建城?", "來自荷蘭的人") == 1


def test_a_single_passage_holds_everything():
    assert Places(["a"]).place("of what?", "of nothing in it") == 0
