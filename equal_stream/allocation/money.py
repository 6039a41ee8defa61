"""Money as whole nano-USD (10⁻⁹ dollars), so that a million small charges sum without drift.

A token at 0.15 USD per million costs 150 nano-USD. Dollars as float64 appear only at the edges
(settings, messages, status); one message's amount survives the way there and back exactly up to two
million dollars. Limits round down and reservations round up, so rounding never spends above a cap.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

NANO = 1_000_000_000


def nano(usd: float) -> int:
    """Return a recorded amount of dollars in nano-USD, rounded to the nearest."""
    return int((Decimal(repr(float(usd))) * NANO).to_integral_value(ROUND_HALF_EVEN))


def nano_floor(usd: float) -> int:
    """Return a limit in nano-USD, rounded down."""
    return int((Decimal(repr(float(usd))) * NANO).to_integral_value(ROUND_FLOOR))


def nano_ceiling(usd: float) -> int:
    """Return the most something can cost in nano-USD, rounded up."""
    return int((Decimal(repr(float(usd))) * NANO).to_integral_value(ROUND_CEILING))


def usd(amount: int) -> float:
    """Return nano-USD as dollars, the float64 nearest to the exact amount."""
    return amount / NANO
