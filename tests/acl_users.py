"""Users of the tests' broker who may do what ACLs allow them, and nothing else."""

import time
from collections.abc import Callable, Iterable
from uuid import uuid4

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)

from deploy.kafka.local_broker import LocalBroker
from equal_stream.acls import Acl

_PATIENCE_SECONDS = 20.0


class AclUsers:
    """Adds users to a broker, and what they are allowed.

    Parameters
    ----------
    broker
        One with an authorizer; whoever comes without a password is its super user.
    """

    def __init__(self, broker: LocalBroker) -> None:
        self._broker = broker
        self._admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        self._suffix = uuid4().hex[:8]
        self._passwords: dict[str, str] = {}

    def settings(self, name: str) -> dict[str, str]:
        """Return what a process of this user is configured with, by dotted key; the user is made at first."""
        user = f"{name}-{self._suffix}"
        if name not in self._passwords:
            password = self._passwords[name] = uuid4().hex
            wanted = UserScramCredentialUpsertion(user, "SCRAM-SHA-512", password)
            self._admin.alter_user_scram_credentials([wanted])
            self._wait(lambda: user in self._admin.describe_user_scram_credentials())
        return {
            "transport": "kafka",
            "kafka.bootstrap_servers": self._broker.tls_bootstrap,
            "kafka.security_protocol": "SASL_SSL",
            "kafka.sasl_mechanism": "SCRAM-SHA-512",
            "kafka.sasl_plain_username": user,
            "kafka.sasl_plain_password": self._passwords[name],
            "kafka.ssl_cafile": str(self._broker.certificate),
        }

    def allow(self, name: str, acls: Iterable[Acl]) -> None:
        """Let a user do these things; the user is made at first."""
        self.settings(name)
        wanted = [self._as_kafka(name, acl) for acl in acls]
        failed = self._admin.create_acls(wanted)["failed"]
        assert not failed, failed
        self._wait(lambda: all(self._admin.describe_acls(as_filter(each))[0] for each in wanted))

    def forbid(self, name: str, acl: Acl) -> None:
        """Let a user no longer do this."""
        found = as_filter(self._as_kafka(name, acl))
        self._admin.delete_acls([found])
        self._wait(lambda: not self._admin.describe_acls(found)[0])

    def close(self) -> None:
        """Free the connection."""
        self._admin.close()

    def _as_kafka(self, name: str, acl: Acl) -> ACL:
        return ACL(
            principal=f"User:{name}-{self._suffix}",
            host="*",
            operation=ACLOperation[acl.operation],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(
                ResourceType[acl.resource.replace("-", "_").upper()],
                acl.name,
                ACLResourcePatternType[acl.pattern.upper()],
            ),
        )

    def _wait(self, held: Callable[[], object]) -> None:
        """Wait until the broker has heard of what its controller was told."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while not held():
            assert time.monotonic() < give_up, "the broker did not hear of a change in time"
            time.sleep(0.02)


def as_filter(acl: ACL) -> ACLFilter:
    """Return a filter that finds an ACL, and that one only."""
    return ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, acl.resource_pattern)
