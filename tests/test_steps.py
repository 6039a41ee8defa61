"""Steps are named once, ended in code, and armed by nothing that is installed."""

import re
from pathlib import Path

import consumers
import equal_stream
from equal_stream import steps
from equal_stream.steps import Step, arm, passed

SOURCES = {
    path: path.read_text(encoding="utf-8")
    for package in (equal_stream, consumers)
    for path in Path(package.__path__[0]).rglob("*.py")
    if path != Path(steps.__file__)
}


def test_every_step_ends_somewhere() -> None:
    named = {name for text in SOURCES.values() for name in re.findall(r"passed\(Step\.(\w+)\)", text)}
    assert named == set(Step.__members__)


def test_nothing_that_is_installed_arms_them() -> None:
    importing = [text for text in SOURCES.values() if "equal_stream.steps" in text or "import steps" in text]
    assert importing
    assert not any(re.search(r"\barm\b", text) for text in importing)


def test_armed_they_are_told_in_order_and_disarmed_they_are_not() -> None:
    told: list[Step] = []
    arm(told.append)
    try:
        passed(Step.CALL_BEGUN)
        passed(Step.CALL_ANSWERED)
    finally:
        arm(None)
    passed(Step.CALL_SENT)
    assert told == [Step.CALL_BEGUN, Step.CALL_ANSWERED]
