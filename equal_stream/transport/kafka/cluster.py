"""What the cluster knows: topics, their partitions and limits, positions of logs and groups."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import kafka.errors as k
import tenacity
from kafka import IsolationLevel, KafkaAdminClient, KafkaConsumer, OffsetSpec
from kafka import TopicPartition as KafkaPartition
from kafka.admin import ConfigResource, ConfigResourceType

from equal_stream.settings import Settings
from equal_stream.transport.base import Positions, TopicSpec
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.exceptions import NotAllowed, UnknownTopic
from equal_stream.transport.kafka.connection import MAX_RECORD_BYTES, connection_options, consumer_options
from equal_stream.transport.kafka.errors import refusal, translate, translated

Operation = Literal["READ", "WRITE"]

# A broker that has just started makes its topic of group positions when it is first asked for one.
_COORDINATOR_MOVES = (k.CoordinatorNotAvailableError, k.CoordinatorLoadInProgressError, k.NotCoordinatorError)
_COORDINATOR_SECONDS = 30.0
_COORDINATOR_PAUSE = 0.2

_BACK_OFF_SECONDS = 10.0  # a client whose nodes all went away asks none of them for about a second
_LOOK_UP_MS = 30_000


@dataclass(frozen=True, slots=True)
class ClusterTopic:
    """A topic as it exists.

    Attributes
    ----------
    full_name
        With the prefix.
    allowed
        What this user may do with it, such as ``READ``; empty where the broker does not tell.
    """

    full_name: str
    partitions: int
    max_message_bytes: int
    allowed: frozenset[str] = frozenset()

    def allows(self, operation: Operation) -> bool:
        """Return whether this user may do something with the topic, as far as the broker tells."""
        return not self.allowed or operation in self.allowed


class Cluster:
    """Looks things up and creates topics. Thread-safe; connects when first asked.

    Names of topics and groups are without the prefix here, as everywhere but on the wire.
    """

    def __init__(self, settings: Settings) -> None:
        self.bootstrap = settings.kafka.bootstrap_servers
        self.prefix = settings.topics.prefix
        self._replication_factor = settings.topics.replication_factor
        self._settings = settings.kafka
        self._all_settings = settings
        self._options = connection_options(settings.kafka)
        self._lock = threading.RLock()
        self._client: Any = None
        self._topics: dict[str, ClusterTopic] = {}

    def topic(self, name: str) -> ClusterTopic:
        """Return a topic, asked for once; raises `UnknownTopic`."""
        found = self._topics.get(name)
        if found is None:
            with self._lock:
                found = self._topics[name] = self._describe(name)
        return found

    def require(self, reads: Iterable[str] = (), writes: Iterable[str] = ()) -> None:
        """Raise `NotAllowed`, naming them all, where this user may not read or write some of the topics."""
        refused = [
            f"{doing} {', '.join(names)}"
            for doing, names in (
                ("to read", self._refused("READ", reads)),
                ("to write to", self._refused("WRITE", writes)),
            )
            if names
        ]
        if refused:
            raise refusal(self.bootstrap, " and ".join(refused))

    def forget(self, names: Iterable[str]) -> None:
        """Ask again for these topics when they are next needed: partitions may have been added."""
        with self._lock:
            for name in names:
                self._topics.pop(name, None)

    def partitions(self, names: Sequence[str]) -> list[KafkaPartition]:
        """Return every partition of the topics under its full name."""
        return [
            KafkaPartition(topic.full_name, partition)
            for topic in map(self.topic, names)
            for partition in range(topic.partitions)
        ]

    def short(self, partition: KafkaPartition) -> tuple[str, int]:
        """Return (topic without prefix, partition)."""
        return partition.topic[len(self.prefix) :], partition.partition

    def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the topics that are missing, wait until they can be used, and return their names."""
        with self._lock, translated(self.bootstrap):
            existing = self.list()
            missing = {self.prefix + spec.name: spec for spec in specs if spec.name not in existing}
            if not missing:
                return []
            wanted = {full_name: self._creation(spec) for full_name, spec in missing.items()}
            answer = self._admin().create_topics(wanted, raise_errors=False)
            created = []
            for topic in answer["topics"]:
                error = k.for_code(topic["error_code"])
                if error is k.NoError:
                    created.append(missing[topic["name"]].name)
                elif issubclass(error, k.AuthorizationError):
                    raise refusal(self.bootstrap, f"to create topic {topic['name']}")
                elif error is not k.TopicAlreadyExistsError:  # another process may be as quick
                    raise error(f"{topic['name']}: {topic.get('error_message') or error.description}")
            self._require_sight(list(missing))
            self._admin().wait_for_topics(list(missing))
            return created

    def list(self) -> dict[str, int]:
        """Return the partition count of each topic under the prefix."""
        with self._lock, translated(self.bootstrap):
            return {
                topic["name"][len(self.prefix) :]: len(topic["partitions"])
                for topic in self._admin().describe_topics()
                if topic["name"].startswith(self.prefix) and not topic["is_internal"]
            }

    def beginnings(self, names: Sequence[str]) -> Positions:
        """Return the offset of the first record still kept, for every partition."""
        return self._offsets(names, OffsetSpec.EARLIEST)

    def ends(self, names: Sequence[str]) -> Positions:
        """Return the offset after the last record that no open transaction holds back."""
        return self._offsets(names, OffsetSpec.LATEST)

    def committed(self, group: str, names: Sequence[str]) -> Positions:
        """Return what a group has committed, for the partitions that have anything.

        A consumer asks, not the admin client: it waits for transactions that are just being completed.
        """
        partitions = self.partitions(names)
        with translated(self.bootstrap, f"group {self.prefix}{group}"):
            consumer = KafkaConsumer(**consumer_options(self._settings, self.prefix + group))
            try:
                found = {at: consumer.committed(at, timeout_ms=_LOOK_UP_MS) for at in partitions}
            finally:
                consumer.close(autocommit=False)
        return {self.short(at): offset for at, offset in found.items() if offset is not None}

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _admin(self) -> Any:
        if self._client is None:
            self._client = KafkaAdminClient(**_known(self._options))
        return self._client

    def _describe(self, name: str) -> ClusterTopic:
        full_name = self.prefix + name
        with translated(self.bootstrap):
            (found,) = self._admin().describe_topics([full_name])
            if found["error_code"] == k.UnknownTopicOrPartitionError.errno:
                raise UnknownTopic(
                    f"topic {full_name} does not exist in Kafka at {self.bootstrap}: "
                    "run equal-stream topics create"
                )
            if found["error_code"]:
                raise translate(k.for_code(found["error_code"])(full_name), self.bootstrap)
            allowed = frozenset(found.get("authorized_operations") or ())
            return ClusterTopic(full_name, len(found["partitions"]), self._limit(name), allowed)

    def _require_sight(self, full_names: Sequence[str]) -> None:
        """Raise `NotAllowed` for topics that this user made and may not see: waiting would be in vain."""
        hidden = k.TopicAuthorizationFailedError.errno
        found = self._admin().describe_topics(full_names)
        names = [topic["name"] for topic in found if topic["error_code"] == hidden]
        if names:
            raise refusal(self.bootstrap, f"to see topic {', '.join(names)}, which is there now")

    def _refused(self, operation: Operation, names: Iterable[str]) -> Sequence[str]:
        """Return the full names of topics with which this user may not do something, or may not even see."""
        refused = []
        for name in names:
            try:
                if not self.topic(name).allows(operation):
                    refused.append(self.prefix + name)
            except NotAllowed:
                refused.append(self.prefix + name)
        return refused

    def _limit(self, name: str) -> int:
        """Return the topic's `max.message.bytes`.

        Where this user may not ask for it, the topic is taken to be as `topics create` makes it.
        """
        full_name = self.prefix + name
        resource = ConfigResource(ConfigResourceType.TOPIC, full_name)
        configs = self._admin().describe_configs([resource], config_filter="all")
        limit = configs.get("topic", {}).get(full_name, {}).get("max.message.bytes")
        if limit:
            return min(int(limit["value"]), MAX_RECORD_BYTES)
        declared = {spec.name: spec.max_message_bytes for spec in topic_specs(self._all_settings)}
        return min(declared.get(name, MAX_RECORD_BYTES), MAX_RECORD_BYTES)

    def _creation(self, spec: TopicSpec) -> dict[str, object]:
        configs = {"cleanup.policy": spec.cleanup, "max.message.bytes": str(spec.max_message_bytes)}
        if "delete" in spec.cleanup.split(","):
            configs["retention.ms"] = str(spec.retention_ms)
        return {
            "num_partitions": spec.partitions,
            "replication_factor": self._replication_factor,
            "configs": configs,
        }

    def _offsets(self, names: Sequence[str], spec: OffsetSpec) -> Positions:
        partitions = self.partitions(names)
        asked = dict.fromkeys(partitions, spec)
        with self._lock, translated(self.bootstrap):
            found = _when_reachable(
                self._admin().list_partition_offsets, asked, isolation_level=IsolationLevel.READ_COMMITTED
            )
        return {self.short(at): found[at].offset for at in partitions}


_when_reachable = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(k.NodeNotReadyError),
    stop=tenacity.stop_after_delay(_BACK_OFF_SECONDS),
    wait=tenacity.wait_fixed(_COORDINATOR_PAUSE),
    reraise=True,
)


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the admin client has too; its metrics are off by default."""
    return {name: value for name, value in options.items() if name in KafkaAdminClient.DEFAULT_CONFIG}
