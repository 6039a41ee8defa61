"""What can go wrong in the allocation core, as types."""

from equal_stream.errors import ConfigurationError, EqualStreamError


class TicketNotOpen(EqualStreamError):
    """A ticket was to be ended that is not open: it was never reserved, or it has ended already."""


class StateMismatch(ConfigurationError):
    """A saved state was written by another version, or for vectors of another length."""


class UnknownPolicy(ConfigurationError):
    """No policy has this name."""
