import re
from html.parser import HTMLParser

import numpy as np
import pytest

from equal_stream.backtest import summary
from equal_stream.backtest.plots import curves, plot_curves
from equal_stream.backtest.report import write_report
from equal_stream.backtest.study import Plan, run_backtest

from . import scenery

pytestmark = pytest.mark.filterwarnings("error")
STARTS = {".png": b"\x89PNG", ".svg": b"<?xml"}
NAMES = ["plain", "<script>alert(1)</script>", 'a & b "quoted"', "$\\frac{", "中文 {braces} %s", "$5 and $6"]


@pytest.fixture(scope="module")
def result():
    """Two policies, two seeds."""
    plan = Plan(policies=["random", "oracle"], seeds=[0, 1], decoys=0.5, worlds=["noisy-yields"])
    return run_backtest(scenery.corpus(), scenery.target(), plan)


class Tags(HTMLParser):
    """Notes the tags of a page, what they point at, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.sources, self.text = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in {"src", "href", "srcset"}]

    def handle_data(self, data):
        self.text.append(data)


def write(result, tmp_path):
    path = tmp_path / "report.html"
    write_report(result, path)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", STARTS)
@pytest.mark.parametrize("judge", ["coverage", "words", "language-model"])
def test_a_picture_is_of_the_format_that_its_name_says(result, tmp_path, suffix, judge):
    path = plot_curves(result, tmp_path / f"curves{suffix}", judge)
    assert path.read_bytes().startswith(STARTS[suffix])


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_in_pictures_and_pages(result, tmp_path, name):
    named = {**result, "reference": name}
    plot_curves(named, tmp_path / "curves.svg")
    page = Tags(write(named, tmp_path))
    assert f"Backtest for {name}" in page.text
    assert "script" not in page.tags


def test_a_report_is_one_file_that_asks_for_nothing_else(result, tmp_path):
    page = write(result, tmp_path)
    tags = Tags(page)
    assert tags.tags.count("img") == tags.tags.count("table") == 3
    assert len(tags.sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in tags.sources)
    assert not re.search(r"https?://|url\(|@import", page)


def test_a_report_says_what_was_played(result, tmp_path):
    text = " ".join(Tags(write(result, tmp_path)).text)
    for part in ("24 documents in 48 passages", "decoys 0.5, noisy-yields", "seed 0 and the 1 that follow"):
        assert part in text
    assert f"{result['total_tokens']:,} tokens" in text


def test_streams_have_their_average_over_time_in_the_report(tmp_path):
    plan = Plan(policies=["random"], arrival="stream", ticks=4, budget=0.4)
    text = " ".join(Tags(write(run_backtest(scenery.corpus(), scenery.target(), plan), tmp_path)).text)
    assert text.count("average over time") == 1


@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_results_with_nothing_in_them_are_drawn_too(tmp_path, budget):
    crawl = scenery.without_pairs(scenery.corpus())
    result = run_backtest(crawl, scenery.target(), Plan(policies=["random"], budget=budget, seeds=[0, 1]))
    page = write(result, tmp_path)
    assert "never" in page
    assert page.count("even extracting everything is worth nothing") == 3


def test_lines_end_where_the_first_run_does_and_pass_through_its_points(result):
    policy = {"runs": [run(0.1, 0.5, 0.8), run(0.2, 0.4)]}
    tokens, lines = curves(policy, "j")
    assert lines.shape == (2, len(tokens))
    assert (tokens[0], tokens[-1]) == (pytest.approx(0.1), pytest.approx(0.4))
    assert lines[0, 0] == pytest.approx(1)
    assert lines[:, -1] == pytest.approx([1.75, 2])
    assert (np.diff(tokens) > 0).all()


def run(*shares, total=1000):
    """A run that sees 1, 2, … at these shares of all tokens."""
    return {
        "curve": [
            [0, 0.0, 0.0, 0],
            *([round(share * total), 0.0, 0.0, n] for n, share in enumerate(shares, 1)),
        ],
        "judges": {"j": {"curve": list(range(len(shares) + 1))}},
        "total_tokens": total,
    }


def test_a_single_point_and_none_at_all_are_lines():
    assert [part.tolist() for part in curves(run(0.1), "j")] == [[pytest.approx(0.1)], [[1]]]
    assert [part.tolist() for part in curves(run(), "j")] == [[0], [[0]]]


def costing(*costs):
    runs = [
        {"judges": {"j": {"cost_to": {"0.8": cost}}}, "curve": [[1, 0, 0, 10 * n]]}
        for n, cost in enumerate(costs)
    ]
    return {**runs[0], **({"runs": runs} if len(runs) > 1 else {})}


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ([0.25], "25.00 %"),
        ([None], "never"),
        ([0.01, 0.04], "2.00 %"),
        ([0.01, None, 0.04], "2.00 % (2 of 3 seeds)"),
        ([None, None], "never"),
    ],
)
def test_costs_are_geometric_means_of_the_seeds_that_reached_the_share(costs, said):
    assert summary.cost(costing(*costs), "j", "0.8") == said


def test_pairs_are_means_over_the_seeds():
    assert summary.pairs(costing(0.1, 0.1, 0.1)) == "10"
