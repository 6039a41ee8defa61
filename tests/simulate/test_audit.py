import pytest

from equal_stream.simulate.audit import Audit, AuditFileError, AuditRecord
from equal_stream.simulate.outcomes import Outcome

ANSWERED = AuditRecord(1, Outcome.ANSWERED, billed=True, tokens_in=700, tokens_out=50, usage_delivered=True)
RESET = AuditRecord(2, Outcome.RESET, billed=True, tokens_in=300, tokens_out=10)
BUSY = AuditRecord(3, Outcome.BUSY, billed=False)


def test_the_summary_adds_up_what_is_billed_and_nothing_else():
    audit = Audit(in_mtok_cost=2.0, out_mtok_cost=10.0)
    for record in (RESET, BUSY, ANSWERED):
        audit.add(record)
    assert audit.summary() == {
        "requests": 3,
        "billed_requests": 2,
        "billed_without_usage_delivered": 1,
        "tokens_in": 1000,
        "tokens_out": 60,
        "tokens": 1060,
        "usd": pytest.approx(0.0026),
        "kinds": {"429": 1, "answered": 1, "reset": 1},
    }
    assert [record["request"] for record in audit.summary(detail=True)["detail"]] == [1, 2, 3]


def test_without_prices_there_is_no_usd():
    assert "usd" not in Audit().summary()


def test_books_go_on_from_their_file_without_the_line_that_a_crash_cut_short(tmp_path):
    file = tmp_path / "audit.jsonl"
    audit = Audit(file)
    audit.add(ANSWERED)
    audit.add(RESET)
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"request":3,"ki')
    resumed = Audit(file)
    assert resumed.summary(detail=True) == audit.summary(detail=True)
    assert resumed.requests == 2
    resumed.add(BUSY)
    assert file.read_bytes().startswith(whole)
    assert Audit(file).summary()["requests"] == 3


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("dear diary\n")
    with pytest.raises(AuditFileError, match="something else"):
        Audit(file)
    assert file.read_text() == "dear diary\n"
    with pytest.raises(AuditFileError, match="No such file"):
        Audit(tmp_path / "missing" / "audit.jsonl")


@pytest.mark.parametrize("outcome", Outcome)
def test_usage_is_only_told_of_what_is_billed(outcome):
    assert outcome.billed or not outcome.tells_usage
