"""The frame: a table of commands, options that stand anywhere, errors as one sentence with a code."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from equal_stream import __version__
from equal_stream.cli import commands
from equal_stream.cli.app import load_command, root
from equal_stream.cli.commands import COMMANDS, CommandEntry
from equal_stream.cli.failure import report
from equal_stream.cli.invocation import Invocation, settings_of
from equal_stream.errors import ConfigurationError, DependencyUnavailable
from equal_stream.settings import LLMSettings, Settings
from equal_stream.settings_sources import Loaded
from tests.cli.shell import Shell


def test_help_lists_exactly_the_commands_whose_code_is_there(shell: Shell) -> None:
    done = shell("--help", data=False)
    assert done.code == 0
    listed = root().list_commands(None)
    assert {"config", "topics", "doctor", "run", "status", "budget", "reference", "dlq"} <= set(listed)
    assert all(name in done.out for name in listed)
    absent = [entry.name for entry in COMMANDS if not entry.exists()]
    assert not set(absent) & set(listed)


def test_a_command_whose_module_is_missing_is_no_command(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = CommandEntry("later", "equal_stream.not_written.cli:later", "Not yet.", "Study it")
    monkeypatch.setattr("equal_stream.cli.app.COMMANDS", (*COMMANDS, entry))
    assert "later" not in shell("--help", data=False).out
    assert "No such command 'later'" in shell("later", data=False).err


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from equal_stream.cli.app import run\n"
        "run(['--help'])\n"
        "print({'numpy', 'torch', 'ray', 'openai', 'msgspec', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_every_command_has_help_with_an_example(shell: Shell) -> None:
    for entry in COMMANDS:
        if not entry.exists():
            continue
        command = load_command(entry)
        for name, each in getattr(command, "commands", {"": command}).items():
            assert "Example: equal-stream" in (each.help or ""), f"{entry.name} {name}"


def test_the_installed_program_and_the_module_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "equal_stream", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"equal-stream {__version__}\n"


def test_a_misspelt_command_names_the_one_that_was_meant(shell: Shell) -> None:
    done = shell("stauts", data=False)
    assert (done.code, done.err) == (
        2,
        "equal-stream: No such command 'stauts'. Did you mean 'status'?; see equal-stream --help\n",
    )


def test_without_arguments_the_help_is_shown_and_the_code_says_usage(shell: Shell) -> None:
    done = shell(data=False)
    assert done.code == 2
    assert "Begin with: equal-stream demo" in done.out + done.err


def test_settings_options_stand_before_or_after_the_command(shell: Shell, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("llm:\n  model: from-file\n")
    before = shell(
        "--config", str(config), "--set", "store.prefix=x", "config", "show", "--changed", "--json"
    )
    after = shell("config", "show", "--changed", "--json", "--config", str(config), "--set", "store.prefix=x")
    assert before.json() == after.json()
    assert after.json()["llm.model"] == {"value": "from-file", "from": f"in {config} line 2"}


def test_an_assignment_without_an_equals_sign_is_not_repeated(shell: Shell) -> None:
    done = shell("config", "show", "--set", "llm.api_key:sk-secret")
    assert done.code == 2
    assert "KEY=VALUE" in done.err
    assert "sk-secret" not in done.err


def test_a_configuration_mistake_is_one_sentence_and_code_two(shell: Shell) -> None:
    done = shell("config", "show", "--set", "llm.modle=x")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "equal-stream: unknown setting llm.modle on the command line; did you mean llm.model?\n"
    )


def test_debug_shows_the_traceback_before_the_sentence(shell: Shell) -> None:
    done = shell("config", "show", "--debug", "--set", "llm.modle=x")
    assert "Traceback (most recent call last)" in done.err
    assert done.err.splitlines()[-1].startswith("equal-stream: unknown setting llm.modle")


def test_an_unreachable_dependency_is_code_three(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(DependencyUnavailable("the broker is away"), Invocation()) == 3
    assert capsys.readouterr().err == "equal-stream: the broker is away\n"


def test_ctrl_c_is_silent_and_code_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KeyboardInterrupt(), Invocation()) == 130
    assert capsys.readouterr().err == ""


def test_a_file_error_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(PermissionError(13, "Permission denied", "/data/x"), Invocation()) == 1
    assert capsys.readouterr().err == "equal-stream: /data/x: Permission denied\n"


@pytest.mark.parametrize(
    ("named", "disk"),
    [((), "the data directory, or of the one for temporary files"), (("/data/x",), "/data/x")],
)
def test_a_full_disk_is_said_with_what_to_do(
    named: tuple[str, ...], disk: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(OSError(errno.ENOSPC, "No space left on device", *named), Invocation()) == 1
    said = capsys.readouterr().err
    assert said == f"equal-stream: the disk of {disk} is full: make room, and start again\n"


def test_a_fault_of_the_program_is_one_sentence_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError) as caught:
        raise TypeError("no\nsuch thing")
    assert report(caught.value, Invocation()) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert "internal error, TypeError" in line
    assert "--debug" in line


def test_secrets_are_masked_in_error_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    invocation = Invocation(loaded=Loaded(Settings(llm=LLMSettings(api_key="sk-1")), {}))
    report(ConfigurationError("the key sk-1 at http://u:pw@h is refused"), invocation)
    assert capsys.readouterr().err == "equal-stream: the key ********** at http://u:**********@h is refused\n"


def test_a_reader_that_goes_away_ends_a_command_silently() -> None:
    command = f"{sys.executable} -m equal_stream config show --explain | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.splitlines()[0] == "transport = embedded"
    assert done.stderr == ""


def test_a_commands_own_flags_win_over_set() -> None:
    context = typer.Context(load_command(COMMANDS[0] if COMMANDS[0].exists() else _entry("config")))
    context.obj = Invocation(flags={"llm.model": "set", "llm.base_url": "http://set"})
    settings = settings_of(context, llm__model="own", llm__base_url=None)
    assert (settings.llm.model, settings.llm.base_url) == ("own", "http://set")


def _entry(name: str) -> CommandEntry:
    return next(entry for entry in COMMANDS if entry.name == name)


def test_every_row_of_the_table_that_exists_leads_to_code() -> None:
    for entry in commands.COMMANDS:
        if entry.exists():
            assert callable(entry.load()) or isinstance(entry.load(), typer.Typer)
