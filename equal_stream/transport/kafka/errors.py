"""The client's errors as ours: by type, never by message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import kafka.errors as k

from equal_stream.errors import ConfigurationError, EqualStreamError
from equal_stream.transport.exceptions import (
    Fenced,
    NotAllowed,
    PositionsLost,
    RecordTooLarge,
    TransportError,
    TransportUnavailable,
    UnknownTopic,
)

_FENCING = (k.ProducerFencedError, k.InvalidProducerEpochError, k.TransactionCoordinatorFencedError)
_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], Callable[[str, str], EqualStreamError]], ...] = (
    (
        _FENCING,
        lambda at, _: Fenced(
            f"Kafka at {at} has given the transactional id to a newer instance: this one must stop"
        ),
    ),
    (
        (
            k.CommitFailedError,
            k.RebalanceInProgressError,
            k.IllegalGenerationError,
            k.UnknownMemberIdError,
            k.FencedInstanceIdError,
        ),
        lambda at, _: PositionsLost(
            f"Kafka at {at} gave partitions to others while their records were in work: they are read again"
        ),
    ),
    (
        (k.MessageSizeTooLargeError, k.RecordListTooLargeError),
        lambda at, told: RecordTooLarge(f"Kafka at {at} does not take a record of this size ({told})"),
    ),
    (
        (k.UnknownTopicOrPartitionError, k.InvalidTopicError),
        lambda at, told: UnknownTopic(
            f"Kafka at {at} has no such topic ({told}): run equal-stream topics create"
        ),
    ),
    (
        (
            k.SaslAuthenticationFailedError,
            k.UnsupportedSaslMechanismError,
            k.IllegalSaslStateError,
            k.SecurityDisabledError,
        ),
        lambda at, told: TransportUnavailable(
            f"Kafka at {at} refuses this client ({told}): check kafka.security_protocol and kafka.sasl_*"
        ),
    ),
    (
        (k.KafkaConfigurationError,),
        lambda _, told: ConfigurationError(f"the settings under kafka do not fit together ({told})"),
    ),
    (
        (k.RetriableError, OSError),
        lambda at, told: TransportUnavailable(
            f"no Kafka broker answers at {at} ({told}): "
            "check EQUAL_STREAM_KAFKA__BOOTSTRAP_SERVERS, the network, kafka.security_protocol, "
            "the credentials and, with TLS, the certificate in kafka.ssl_cafile"
        ),
    ),
)


# What an authorization error is about; the client does not always say which one it is.
_GUARDED: tuple[tuple[type[BaseException], str], ...] = (
    (k.TopicAuthorizationFailedError, "topic"),
    (k.GroupAuthorizationFailedError, "group"),
    (k.TransactionalIdAuthorizationFailedError, "transactional id"),
)


@contextmanager
def translated(bootstrap: str, about: str = "") -> Iterator[None]:
    """Raise errors of the client as errors of the transport that name the broker.

    Parameters
    ----------
    about
        Which group or transactional id is used within, for errors that do not say it themselves: ``group g``.
    """
    try:
        yield
    except (k.KafkaError, OSError) as error:
        raise translate(error, bootstrap, about) from error


def is_fencing(error: BaseException) -> bool:
    """Tell whether an error means that a newer producer has the transactional id."""
    return isinstance(_root(error), _FENCING)


def refusal(bootstrap: str, what: str) -> NotAllowed:
    """Return the error for something that the broker's ACLs do not allow, such as ``to read topic t``."""
    return NotAllowed(
        f"Kafka at {bootstrap} does not allow this user {what}: `equal-stream topics acls` prints what each "
        "role has to be allowed"
    )


def translate(error: BaseException, bootstrap: str, about: str = "") -> EqualStreamError:
    """Return our error for one of the client's; `about` as for `translated`."""
    cause = _root(error)
    if isinstance(cause, k.AuthorizationError):
        return refusal(bootstrap, _guarded(cause, about))
    told = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    for kinds, meaning in _MEANINGS:
        if isinstance(cause, kinds):
            return meaning(bootstrap, told)
    if type(cause) is k.KafkaError:  # the client's own word for requests that were not answered in time
        return TransportUnavailable(
            f"Kafka at {bootstrap} did not do what was asked ({told}): check that it is well"
        )
    return TransportError(f"Kafka at {bootstrap} refused ({told})")


def _guarded(error: k.AuthorizationError, about: str) -> str:
    """Return what a user may not use, in words."""
    given = error.args[0] if error.args else ()
    names = [given] if isinstance(given, str) else sorted(map(str, given))
    for kind, what in _GUARDED:
        if isinstance(error, kind):
            return f"to use {what} {', '.join(names)}" if names else f"to use {about or what}"
    return "to do this to the cluster"


def _root(error: BaseException) -> BaseException:
    """Return the error that the client wrapped, if it wrapped one: it puts the first into `args`."""
    for inner in error.args:
        if isinstance(inner, k.KafkaError):
            return _root(inner)
    return error
