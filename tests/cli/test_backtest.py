"""`equal-stream backtest` from the files to the files, with the real encoder."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import Done, Shell

THINGS = {
    "bees": ["honey", "wax", "pollen", "nectar", "swarm", "hive", "queen", "brood"],
    "rivers": ["delta", "source", "flood", "bridge", "ferry", "dam", "mill", "harbour"],
    "bread": ["flour", "yeast", "oven", "crust", "dough", "salt", "rye", "starter"],
    "glaciers": ["moraine", "crevasse", "ice", "snow", "valley", "melt", "rock", "tongue"],
}


def documents() -> list[dict[str, object]]:
    """Thirty-two documents of four topics, every fourth one of them without pairs, and one in Chinese."""
    found: list[dict[str, object]] = []
    for number in range(8):
        for topic, things in THINGS.items():
            thing = things[number]
            text = f"About {topic}: the {thing} is measured every {number + 2} days. " * 2
            text += (
                f"In spring the {thing} of {topic} weighs {10 * number + 7} grams, in autumn twice as much."
            )
            qa = [
                {
                    "question": f"How often is the {thing} of {topic} measured?",
                    "answer": f"every {number + 2} days",
                },
                {"question": f"What does the {thing} weigh in spring?", "answer": f"{10 * number + 7} grams"},
            ]
            url = f"https://{topic}.example/{number}"
            found.append({"url": url, "text": text, "qa": [] if number % 4 == 3 else qa})
    chinese = {"question": "荷蘭人何時建城?", "answer": "1624年"}
    return [*found, {"text": "荷蘭人於1624年在臺灣建城。", "qa": [chinese]}]


def references() -> list[dict[str, object]]:
    """Eight questions about bees, four about bread."""
    asked = []
    for topic, things in (("bees", THINGS["bees"]), ("bread", THINGS["bread"][:4])):
        for number, thing in enumerate(things):
            answer = f"The {thing} of {topic} weighs {10 * number + 7} grams."
            asked.append({"question": f"What is known of {thing}?", "answer": answer, "topic": topic})
    return asked


def write(path: Path, lines: list[dict[str, object]]) -> Path:
    """A JSONL file, gzipped if it is named so."""
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


class Backtest:
    """The command on one crawl, with one cache of vectors for all tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.crawl = write(directory / "crawl.jsonl.gz", documents())
        self.target = write(directory / "insects.jsonl", references())
        self.shell: Shell | None = None

    def __call__(self, *arguments: str | Path, crawl: Path | None = None, target: Path | None = None) -> Done:
        assert self.shell is not None
        self.shell.data_dir = self.directory / "data"
        files = ["--documents", str(crawl or self.crawl), "--reference", str(target or self.target)]
        return self.shell("backtest", *files, *map(str, arguments))

    def result(self, *arguments: str | Path, **files: Path) -> dict:
        done = self(*arguments, "--json", **files)
        assert done.code == 0, done.err
        return done.json()


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    return Backtest(tmp_path_factory.mktemp("backtest"))


@pytest.fixture
def backtest(crawled: Backtest, shell: Shell) -> Backtest:
    """The command, with this test's capture of what it prints."""
    crawled.shell = shell
    return crawled


def without_times(result: dict) -> dict:
    """A result but for the wall time."""
    for policy in result["policies"].values():
        for run in [policy, *policy.get("runs", [])]:
            run.pop("seconds")
    return result


def refused(done: Done) -> str:
    """The one sentence on stderr of a command that failed."""
    assert done.code not in {0, 70}
    assert done.out == ""
    lines = [line for line in done.err.splitlines() if line.startswith("equal-stream")]
    assert len(lines) == 1
    assert done.err.splitlines()[-1] == lines[0]
    return lines[0].split(": ", 1)[1]


def test_the_output_has_the_format_of_the_contract(backtest: Backtest, tmp_path: Path) -> None:
    output = tmp_path / "R.json"
    done = backtest("--policy", "retrieval", "--policy", "random", "--seed", "3", "--output", output)
    assert done.code == 0
    assert "insects: 33 documents" in done.out
    result = json.loads(output.read_text(encoding="utf-8"))
    assert result["documents"] == 33
    assert result["passages"] >= 33
    assert (result["reference"], result["seed"]) == ("insects", 3)
    assert list(result["policies"]) == ["retrieval", "random"]
    for policy in result["policies"].values():
        assert {"0.5", "0.8", "0.9"} <= set(policy["cost_to"])
        assert policy["curve"][0] == [0, 0, 0, 0]
        tokens = [point[0] for point in policy["curve"]]
        assert tokens == sorted(tokens)
        assert tokens[-1] == result["total_tokens"]
        assert policy["curve"][-1][1] == pytest.approx(1, abs=0.05)  # some pairs are near-copies
        assert policy["curve"][-1][2] == pytest.approx(1, abs=0.05)
        assert isinstance(policy["seconds"], float)


def test_without_a_policy_the_usual_ones_are_played(backtest: Backtest) -> None:
    assert list(backtest.result()["policies"]) == ["calibrated", "retrieval", "random", "oracle"]


def test_several_values_may_follow_one_option(backtest: Backtest, tmp_path: Path) -> None:
    half = write(tmp_path / "half.jsonl", documents()[:10])
    more = write(tmp_path / "more.jsonl", documents()[8:20])
    result = backtest.result("--documents", more, half, "--policy", "oracle", "random", crawl=half)
    assert result["documents"] == 20
    assert list(result["policies"]) == ["oracle", "random"]


def test_the_same_command_gives_the_same_result_in_another_process(
    backtest: Backtest, tmp_path: Path
) -> None:
    arguments = ["--policy", "calibrated", "--policy", "equal", "--decoys", "0.5", "--seeds", "2"]
    here = backtest.result(*arguments)
    output = tmp_path / "there.json"
    command = [sys.executable, "-m", "equal_stream", "backtest", "--documents", str(backtest.crawl)]
    command += ["--reference", str(backtest.target), "--data-dir", str(backtest.directory / "data")]
    subprocess.run(
        [*command, *arguments, "--output", str(output)],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
    )
    assert without_times(json.loads(output.read_text())) == without_times(here)


def test_documents_without_pairs_count_and_cost(backtest: Backtest, tmp_path: Path) -> None:
    bare = write(tmp_path / "bare.jsonl", [line for line in documents() if line["qa"]])
    everything, paired = (
        backtest.result("--policy", "random"),
        backtest.result("--policy", "random", crawl=bare),
    )
    assert (everything["documents"], paired["documents"]) == (33, 25)
    assert everything["total_tokens"] > paired["total_tokens"] + 8 * 150
    pairs = [each["policies"]["random"]["curve"][-1][3] for each in (everything, paired)]
    assert pairs[0] == pairs[1]


def test_a_topic_of_the_references_is_a_target(backtest: Backtest) -> None:
    assert backtest.result("--policy", "random", "--reference-topic", "bread")["reference"] == "bread"


def test_a_stream_is_given_a_tenth_and_judged_over_time(backtest: Backtest) -> None:
    result = backtest.result("--policy", "oracle", "--arrival", "stream")
    assert (result["arrival"], result["budget"]) == ("stream", 0.1)
    policy = result["policies"]["oracle"]
    assert 0 < policy["time_average"] <= 1.05
    assert policy["curve"][-1][0] < 0.3 * result["total_tokens"]
    done = backtest("--policy", "oracle", "--arrival", "stream", "--ticks", "3", "--budget", "0.5")
    assert "average over time" in done.out


def test_a_sample_is_taken_by_the_seed(backtest: Backtest) -> None:
    samples = [
        backtest.result("--policy", "random", "--max-documents", "10", "--seed", str(s)) for s in (0, 0, 1)
    ]
    assert [each["documents"] for each in samples] == [10, 10, 10]
    assert samples[0]["total_tokens"] == samples[1]["total_tokens"] != samples[2]["total_tokens"]


def test_worlds_and_seeds_are_said_in_the_result(backtest: Backtest) -> None:
    arguments = ["--policy", "random", "--world", "noisy-yields", "delayed", "--seeds", "2", "--until", "0.5"]
    result = backtest.result(*arguments)
    assert result["worlds"] == ["noisy-yields", "delayed"]
    assert [run["seed"] for run in result["policies"]["random"]["runs"]] == [0, 1]


def test_pictures_and_report_are_written(backtest: Backtest, tmp_path: Path) -> None:
    done = backtest("--policy", "random", "--plot", tmp_path / "p.svg", "--report", tmp_path / "r.html")
    assert done.code == 0
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")
    assert "insects" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("policy", ["calibrated", "equal", "oracle"])
def test_crawls_without_pairs_and_of_one_short_document_are_played(
    backtest: Backtest, tmp_path: Path, policy: str
) -> None:
    none = write(tmp_path / "none.jsonl", [{"text": line["text"]} for line in documents()[:5]])
    one = write(tmp_path / "one.jsonl", [{"text": "字", "qa": [{"question": "字?", "answer": "字"}]}])
    for crawl in (none, one):
        for arrival in ("all", "stream"):
            done = backtest("--policy", policy, "--arrival", arrival, "--budget", "1", crawl=crawl)
            assert done.code == 0, done.err
    result = backtest.result("--policy", policy, crawl=none)
    assert result["policies"][policy]["cost_to"]["0.5"] is None
    assert result["policies"][policy]["curve"][-1] == [result["total_tokens"], 0, 0, 0]


def test_what_is_left_out_is_said_on_stderr(backtest: Backtest, tmp_path: Path) -> None:
    repeated = write(tmp_path / "repeated.jsonl", [*documents()[:6], documents()[0], {"text": " "}])
    bad = tmp_path / "bad.jsonl"
    bad.write_text(backtest.target.read_text() + "{\n")
    done = backtest("--policy", "random", crawl=repeated, target=bad)
    assert done.code == 0
    assert "1 lines left out; line 13 is not JSON" in done.err
    assert "their text came before: 1" in done.err
    assert "no text: 1" in done.err


def test_an_unknown_policy_is_answered_with_those_that_exist(backtest: Backtest) -> None:
    said = refused(backtest("--policy", "calibratd"))
    assert said.startswith("there is no policy 'calibratd'; choose from: calibrated, retrieval, equal")
    assert said.endswith("oracle")
    assert "choose from: noisy-yields" in refused(backtest("--world", "flood"))


def test_files_that_are_not_there_are_named(backtest: Backtest, tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    assert refused(backtest(crawl=missing)) == f"there is no file {missing}"
    assert refused(backtest(target=missing)) == f"there is no file {missing}"
    assert refused(backtest(crawl=tmp_path)) == f"{tmp_path} is a folder; name a file in it"


def test_a_crawl_without_text_and_a_bad_line_are_named(backtest: Backtest, tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.jsonl", [])
    assert refused(backtest(crawl=empty)) == f"{empty}: there is no document with text"
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "fine"}\n{"text": 7}\n')
    assert refused(backtest(crawl=bad)).startswith(f"{bad}, line 2: Expected `str`, got `int`")


def test_one_reference_and_a_topic_that_is_not_there_are_refused(backtest: Backtest, tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", references()[:1])
    assert "only one reference, and a backtest needs two or more" in refused(backtest(target=one))
    assert refused(backtest("--reference-topic", "bats")).endswith("its topics are bees (8), bread (4)")


@pytest.mark.parametrize("option", ["--output", "--plot", "--report"])
def test_what_cannot_be_written_is_refused_before_anything_is_played(
    backtest: Backtest, tmp_path: Path, option: str
) -> None:
    lost = tmp_path / "missing" / "x.png"
    assert refused(backtest(option, lost)) == f"{lost.parent} is no folder; make it first"
    folder = tmp_path / "folder.png"
    folder.mkdir(exist_ok=True)
    assert refused(backtest(option, folder)) == f"{folder} is a folder; name a file to write"


def test_what_is_read_is_not_written_over(backtest: Backtest) -> None:
    before = backtest.crawl.read_bytes(), backtest.target.read_bytes()
    for path in (
        backtest.crawl,
        backtest.target.parent / "." / ".." / backtest.directory.name / "insects.jsonl",
    ):
        assert refused(backtest("--output", path)) == (
            f"{path} is read by this backtest; name another file to write"
        )
    assert (backtest.crawl.read_bytes(), backtest.target.read_bytes()) == before


def test_two_results_do_not_go_to_one_file(backtest: Backtest, tmp_path: Path) -> None:
    path = tmp_path / "result"
    assert refused(backtest("--output", path, "--report", path)) == (
        f"{path} is written already by this backtest; name another file to write"
    )
    assert not path.exists()


def test_a_picture_of_an_unknown_format_is_refused(backtest: Backtest, tmp_path: Path) -> None:
    path = tmp_path / "curves.docx"
    assert refused(backtest("--plot", path)) == f"{path} cannot be drawn: let its name end in .png or .svg"


@pytest.mark.parametrize(
    "arguments",
    [["--decoys", "2"], ["--decoys", "nan"], ["--budget", "-1"], ["--until", "inf"], ["--seeds", "0"],
     ["--ticks", "0"], ["--max-documents", "0"], ["--arrival", "slowly"], ["--seed", "one"], ["stray"]],
)  # fmt: skip
def test_numbers_without_sense_are_refused(backtest: Backtest, arguments: list[str]) -> None:
    assert arguments[0] in refused(backtest(*arguments))


def test_worlds_that_need_time_or_sources_say_so(backtest: Backtest, tmp_path: Path) -> None:
    assert "arrival stream" in refused(backtest("--world", "price-change"))
    nowhere = write(tmp_path / "nowhere.jsonl", [{"text": line["text"]} for line in documents()])
    assert "two or more sources" in refused(backtest("--world", "failing-sources", crawl=nowhere))


def test_a_damaged_cache_is_one_sentence_that_says_what_to_do(backtest: Backtest, tmp_path: Path) -> None:
    assert backtest.shell is not None
    cache = tmp_path / "data" / "backtest" / "vectors.sqlite"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"not a database" * 1000)
    files = ["--documents", str(backtest.crawl), "--reference", str(backtest.target)]
    backtest.shell.data_dir = tmp_path / "data"
    said = refused(backtest.shell("backtest", *files))
    assert str(cache) in said
    assert "delete it" in said
