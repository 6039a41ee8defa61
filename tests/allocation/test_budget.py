from datetime import timedelta

from equal_stream.allocation.budget import Allowance, Budget
from equal_stream.allocation.ledger import Ledger
from equal_stream.allocation.money import nano
from equal_stream.settings import BudgetSettings

from .test_ledger import entry
from .world import START


def spent(amount, tokens=0):
    ledger = Ledger()
    ledger.apply(entry("settle", "a", amount, tokens))
    return ledger


def test_without_caps_anything_may_be_reserved():
    assert Budget(BudgetSettings(), Ledger()).allowance(START) == Allowance(None, None)


def test_what_is_reserved_counts_like_what_is_spent():
    ledger = spent(nano(0.25))
    ledger.apply(entry("reserve", "b", nano(0.5)))
    assert Budget(BudgetSettings(usd_total=1.0), ledger).allowance(START).usd == 0.25


def test_the_tighter_of_total_and_hour_binds_and_is_named():
    budget = Budget(BudgetSettings(usd_total=1.0, usd_per_hour=0.3), spent(nano(0.25)))
    allowance = budget.allowance(START)
    assert (allowance.amount, allowance.hourly) == (nano(0.05), True)
    later = budget.allowance(START + timedelta(hours=2))
    assert (later.amount, later.hourly) == (nano(0.3), True)
    budget.change(BudgetSettings(usd_total=0.3, usd_per_hour=0.3))
    assert budget.allowance(START + timedelta(hours=2)) == Allowance(nano(0.05), None)


def test_a_cap_lowered_below_what_is_spent_leaves_nothing_and_takes_nothing_back():
    budget = Budget(BudgetSettings(usd_total=1.0), spent(nano(0.5)))
    budget.change(BudgetSettings(usd_total=0.1))
    assert budget.allowance(START).amount == 0
    budget.change(BudgetSettings(usd_total=0.75))
    assert budget.allowance(START).usd == 0.25


def test_pausing_leaves_nothing_and_resuming_restores_it():
    budget = Budget(BudgetSettings(tokens_total=100), Ledger())
    budget.paused = True
    assert budget.allowance(START) == Allowance(0, 0)
    budget.paused = False
    assert budget.allowance(START) == Allowance(None, 100)


def test_changes_made_while_running_survive_a_restart_with_the_same_configuration():
    configured = BudgetSettings(usd_total=1.0)
    budget = Budget(configured, Ledger())
    budget.change(BudgetSettings(usd_total=5.0))
    budget.paused = True
    again = Budget(configured, Ledger())
    again.load_state(budget.to_state())
    assert (again.caps.usd_total, again.paused) == (5.0, True)


def test_a_configuration_edited_since_wins_over_changes_made_before():
    budget = Budget(BudgetSettings(usd_total=1.0), Ledger())
    budget.change(BudgetSettings(usd_total=5.0))
    again = Budget(BudgetSettings(usd_total=2.0), Ledger())
    again.load_state(budget.to_state())
    assert again.caps.usd_total == 2.0
