"""Fixtures that every test may use."""

from tests.kafka_broker import kafka_broker

__all__ = ["kafka_broker"]
