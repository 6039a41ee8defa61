from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.caps import CapsInForce, caps_of, change_of
from equal_stream.messages import BudgetChange
from equal_stream.settings import BudgetSettings

AT = datetime(2026, 3, 1, tzinfo=UTC)
TEN, FIFTY = BudgetSettings(usd_total=10.0), BudgetSettings(usd_total=50.0, tokens_per_hour=1000)


def folded(*changes: BudgetChange) -> CapsInForce:
    held = CapsInForce(TEN)
    for change in changes:
        held.apply(change)
    return held


def test_what_was_set_last_holds() -> None:
    held = folded(change_of("configured", TEN, AT), change_of("set", FIFTY, AT), change_of("set", TEN, AT))
    assert (held.caps.usd_total, held.changed_at) == (10.0, AT)


def test_no_cap_is_lifted_by_what_a_change_does_not_say() -> None:
    held = folded(change_of("configured", FIFTY, AT), BudgetChange(change="set", at=AT, usd_total=80.0))
    assert held.caps == BudgetSettings(usd_total=80.0, tokens_per_hour=1000)
    assert folded(change_of("configured", FIFTY, AT), BudgetChange(change="set", at=AT)).caps == FIFTY


def test_an_allocator_that_starts_with_the_same_settings_leaves_a_change_in_force() -> None:
    held = folded(
        change_of("configured", TEN, AT), change_of("set", FIFTY, AT), change_of("configured", TEN, AT)
    )
    assert held.caps == FIFTY


def test_other_settings_make_what_was_changed_before_void() -> None:
    lower = BudgetSettings(usd_total=1.0)
    held = folded(
        change_of("configured", TEN, AT), change_of("set", FIFTY, AT), change_of("configured", lower, AT)
    )
    assert (held.caps, held.changed_at) == (lower, None)


def test_a_pause_outlives_changes_of_caps_and_settings() -> None:
    pause, resume = BudgetChange(change="pause", at=AT), BudgetChange(change="resume", at=AT)
    changes = [pause, change_of("set", FIFTY, AT), change_of("configured", FIFTY, AT)]
    assert folded(*changes).paused
    assert not folded(*changes, resume).paused
    assert folded(*changes, resume).caps == FIFTY


@given(
    st.builds(
        BudgetSettings,
        usd_total=st.none() | st.floats(0, 1e6),
        usd_per_hour=st.none() | st.floats(0, 1e6),
        tokens_total=st.none() | st.integers(0, 10**12),
        tokens_per_hour=st.none() | st.integers(0, 10**12),
    )
)
def test_caps_come_back_from_a_record_as_they_went_in(caps: BudgetSettings) -> None:
    assert caps_of(change_of("set", caps, AT)) == caps
