"""Where settings come from, which source wins, and the one sentence that every mistake gets."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings
from equal_stream.settings_keys import dotted, environment_name, field_at, is_secret, keys, nearest, parse_key
from equal_stream.settings_layers import read_environment
from equal_stream.settings_sources import load_settings, load_with_places


def write(directory: Path, text: str) -> Path:
    path = directory / "equal-stream.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def sentence(config: Path | None = None, flags: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config, flags)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_source_the_defaults_hold() -> None:
    assert load_settings() == Settings()


def test_flags_win_over_environment_over_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, "llm:\n  model: file\n  base_url: http://file\n  max_retries: 1\n")
    monkeypatch.setenv("EQUAL_STREAM_LLM__MODEL", "environment")
    monkeypatch.setenv("EQUAL_STREAM_LLM__BASE_URL", "http://environment")
    llm = load_settings(config, {"llm.model": "flag"}).llm
    assert (llm.model, llm.base_url, llm.max_retries) == ("flag", "http://environment", 1)
    assert llm.max_output_tokens == Settings().llm.max_output_tokens


def test_flags_that_were_not_given_change_nothing() -> None:
    assert load_settings(flags={"llm.model": None, "data_dir": None}) == Settings()


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQUAL_STREAM_CONFIG", str(write(tmp_path, "transport: kafka\n")))
    assert load_settings().transport == "kafka"


@pytest.mark.parametrize("seed", ["allocation.seed", "clustering.seed"])
def test_a_seed_is_no_number_below_nothing(seed: str) -> None:
    assert f'{seed} on the command line is "-1"; expected 0 or more' in sentence(flags={seed: "-1"})


@pytest.mark.parametrize("days", ["0", "-3", "nan"])
def test_coverage_cannot_fade_at_once_or_backwards(days: str) -> None:
    assert "coverage_halflife_days" in sentence(flags={"allocation.coverage_halflife_days": days})
    fading = load_settings(flags={"allocation.coverage_halflife_days": "30"}).allocation
    assert fading.coverage_halflife_days == 30


def test_names_in_the_environment_may_be_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("equal_stream_llm__Model", "m")
    assert load_settings().llm.model == "m"


def test_every_setting_can_be_reached_through_the_environment_and_through_a_flag() -> None:
    for key in keys():
        assert field_at(key) is not None
        assert parse_key(dotted(key)) == key
        layer = read_environment({environment_name(key): "1"})
        assert list(layer.values) == [key]


def test_settings_travel_to_ray_workers_by_pickle() -> None:
    loaded = load_settings(flags={"llm.api_key": "sk-1", "passages.languages": "en"})
    assert type(loaded) is Settings
    assert pickle.loads(pickle.dumps(loaded)) == loaded


def test_lists_and_mappings_can_be_written_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQUAL_STREAM_PASSAGES__LANGUAGES", "en, de")
    monkeypatch.setenv("EQUAL_STREAM_TOPICS__PARTITIONS", '{"crawl.documents": 24}')
    settings = load_settings(flags={"topics.partitions.qa.pairs": "3"})
    assert settings.passages.languages == ["en", "de"]
    assert settings.topics.partitions == {"crawl.documents": 24, "qa.pairs": 3}
    assert load_settings(flags={"passages.languages": "[en, de]"}).passages.languages == ["en", "de"]


def test_an_empty_text_stands_for_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, "store:\n  url: http://q:6333\nbudget:\n  usd_total: 3\n")
    monkeypatch.setenv("EQUAL_STREAM_STORE__URL", "")
    monkeypatch.setenv("EQUAL_STREAM_BUDGET__USD_TOTAL", " ")
    settings = load_settings(config)
    assert settings.store.url == ""
    assert settings.budget.usd_total is None


def test_an_unknown_key_in_the_file_names_file_line_and_the_nearest_key(tmp_path: Path) -> None:
    config = write(tmp_path, "# comment\nllm:\n  modle: x\n")
    assert sentence(config) == f"unknown setting llm.modle in {config} line 3; did you mean llm.model?"


def test_an_unknown_branch_in_the_file_names_the_nearest_branch(tmp_path: Path) -> None:
    assert "did you mean budget?" in sentence(write(tmp_path, "budgets:\n  usd_total: 1\n"))


def test_an_unknown_name_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQUAL_STREAM_LLM__MODLE", "secret-text")
    said = sentence()
    assert "EQUAL_STREAM_LLM__MODLE in the environment" in said
    assert "EQUAL_STREAM_LLM__MODEL?" in said
    assert "secret-text" not in said


def test_an_unknown_flag_is_refused() -> None:
    assert "did you mean llm.base_url?" in sentence(flags={"base_url": "http://x"})


def test_a_branch_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "must hold settings by name" in sentence(write(tmp_path, "llm: 3\n"))
    monkeypatch.setenv("EQUAL_STREAM_LLM", "3")
    assert "EQUAL_STREAM_LLM__BASE_URL" in sentence()


def test_addresses_that_kubernetes_writes_for_services_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EQUAL_STREAM_METRICS_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("EQUAL_STREAM_METRICS_SERVICE_PORT_HTTP", "80")
    monkeypatch.setenv("EQUAL_STREAM_METRICS_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("EQUAL_STREAM_METRICS_PORT_80_TCP_ADDR", "10.0.0.1")
    assert load_settings() == Settings()


def test_a_wrong_value_names_where_what_and_what_was_expected(tmp_path: Path) -> None:
    config = write(tmp_path, "llm:\n  max_retries: many\n")
    assert sentence(config) == f'llm.max_retries in {config} line 2 is "many"; expected a whole number'
    assert sentence(flags={"transport": "kafak"}) == (
        "transport on the command line is \"kafak\"; expected 'embedded' or 'kafka'"
    )
    assert "expected 0 or more" in sentence(flags={"budget.usd_total": "-1"})
    assert "expected a finite number" in sentence(flags={"llm.in_mtok_cost": "inf"})
    assert "expected 1e+18 or less" in sentence(flags={"budget.tokens_total": str(2**64)})
    assert "expected true or false" in sentence(flags={"store.prefer_grpc": "maybe"})


def test_several_wrong_values_are_all_named() -> None:
    said = sentence(flags={"llm.max_retries": "x", "budget.usd_total": "y"})
    assert "llm.max_retries" in said
    assert "budget.usd_total" in said


def test_a_wrong_secret_is_not_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in sentence(write(tmp_path, "llm:\n  api_key: [hunter2]\n"))


@pytest.mark.parametrize("key", ["llm.api_key", "store.api_key"])
@pytest.mark.parametrize("wrong", ["hunter2\n", " hunter2", "hunter2\0", "hunter2é"])
def test_a_key_that_no_http_header_can_carry_is_refused_before_a_client_repeats_it(
    key: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "\0" in wrong:  # no variable can hold it
        said = sentence(flags={key: wrong})
    else:
        monkeypatch.setenv(environment_name(tuple(key.split("."))), wrong)
        said = sentence()
    assert "without a space or a line break at its ends" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("key", ["llm.api_key", "store.api_key"])
def test_a_key_may_be_empty_or_hold_spaces_within(key: str) -> None:
    for right in ("", "hunter2", "hunter 2", "a.b-c_d/e+f=="):
        load_settings(flags={key: right})


def test_a_file_that_cannot_be_used_gets_one_sentence(tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory)" in sentence(tmp_path / "absent.yaml")
    assert "line 3 is not valid YAML" in sentence(write(tmp_path, "llm:\n  model: [\n"))
    assert "must hold settings by name" in sentence(write(tmp_path, "- transport\n"))
    (tmp_path / "bytes.yaml").write_bytes(b"transport: \xff\xfe")
    assert "is not UTF-8" in sentence(tmp_path / "bytes.yaml")


def test_an_empty_file_or_branch_sets_nothing(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "")) == Settings()
    assert load_settings(write(tmp_path, "# nothing\nllm:\n")) == Settings()


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    assert "llm.model is set twice" in sentence(write(tmp_path, "llm:\n  model: a\n  model: b\n"))


def test_partitions_of_an_unknown_topic_are_refused(tmp_path: Path) -> None:
    config = write(tmp_path, "topics:\n  partitions:\n    qa.pairz: 3\n")
    assert f"{config} line 3 names an unknown topic qa.pairz; did you mean qa.pairs?" in sentence(config)


def test_each_value_remembers_where_it_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, "llm:\n  model: file\n  max_retries: 1\n")
    monkeypatch.setenv("EQUAL_STREAM_LLM__MODEL", "environment")
    places = load_with_places(config).places
    assert places["llm", "model"] == "EQUAL_STREAM_LLM__MODEL in the environment"
    assert places["llm", "max_retries"] == f"llm.max_retries in {config} line 3"


@given(st.text(max_size=30))
def test_any_text_has_a_nearest_key(text: str) -> None:
    key = nearest((text,))
    assert key in set(keys()) or any(known[: len(key)] == key for known in keys())


def test_exactly_the_declared_secrets_are_secret() -> None:
    assert {dotted(key) for key in keys() if is_secret(key)} == {
        "kafka.sasl_plain_password",
        "kafka.ssl_password",
        "llm.api_key",
        "store.api_key",
    }
