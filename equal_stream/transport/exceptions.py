"""What can go wrong with a log, as types a loop can act upon."""

from equal_stream.errors import ConfigurationError, DependencyUnavailable, EqualStreamError


class TransportError(EqualStreamError):
    """Base of the errors below."""


class TransportUnavailable(TransportError, DependencyUnavailable):
    """The broker or the database file cannot be reached or used."""

    exit_code = 3


class NotAllowed(TransportError, ConfigurationError):
    """The broker's ACLs do not let this user do it; to try again would not help."""

    exit_code = 2


class Fenced(TransportError):
    """A newer instance with the same transactional id has taken over: stop this process."""

    exit_code = 4


class PositionsLost(TransportError):
    """Partitions were taken away while their records were in work: drop the work and poll on."""


class TransactionTimedOut(TransportError):
    """Whether a transaction was committed is not known: stop this process and recover."""

    exit_code = 5


class RecordTooLarge(TransportError):
    """The log does not take a record of this size."""


class UnknownTopic(TransportError):
    """A topic does not exist; `equal-stream topics create` makes it."""

    exit_code = 2
