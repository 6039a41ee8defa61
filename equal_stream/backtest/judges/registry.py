"""The judges by name; a new one is a file here and a line below."""

from equal_stream.backtest.judges.base import Judge
from equal_stream.backtest.judges.coverage import CoverageJudge
from equal_stream.backtest.judges.language_model import LanguageModelJudge
from equal_stream.backtest.judges.words import WordsJudge

JUDGES: dict[str, type[Judge]] = {
    judge.name: judge for judge in (CoverageJudge, WordsJudge, LanguageModelJudge)
}
