"""The root of every error this package raises on purpose.

Each carries one clear sentence: what happened, where, and what to do. The command line prints that
sentence and exits with `exit_code`; nothing ever matches on the text of a message.
"""


class EqualStreamError(Exception):
    """Something the operator can understand and act upon."""

    exit_code = 1


class ConfigurationError(EqualStreamError):
    """A setting, flag or file named by the operator is wrong or missing."""

    exit_code = 2


class InvalidRecord(EqualStreamError):
    """A record cannot be used as it is; it belongs in the dead letters.

    Parameters
    ----------
    reason
        Short machine-readable word that counters use, such as ``invalid-json``.
    field
        The field at fault, or an empty string when the record as a whole is.
    message
        One sentence naming field and cause.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class DependencyUnavailable(EqualStreamError):
    """A broker, store, Ray cluster or LLM endpoint cannot be reached."""

    exit_code = 3
