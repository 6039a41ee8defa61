"""Fixtures that every test may use, and what holds for all of them."""

from hypothesis import settings

from tests.kafka_broker import kafka_broker

__all__ = ["kafka_broker"]

# An example that takes long on a busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
