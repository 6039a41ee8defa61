"""Kafka through kafka-python: the log for more than one machine.

`connection` turns settings into client options · `errors` turns the client's errors into ours ·
`cluster` creates topics and looks up positions · `permissions` asks what a role's user may do ·
`reader` and `member` are the two ways to consume,
`consumer` what they share · `producer` writes, `partitioner` says where to, `transaction` is what it
hands out, `deadline` bounds waits that the client leaves unbounded · `transport` puts them together.
"""

from equal_stream.transport.kafka.transport import KafkaTransport

__all__ = ["KafkaTransport"]
