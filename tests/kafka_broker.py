"""The real Kafka broker of the tests: one for each worker, started when the first test asks for it."""

import os
from collections.abc import Iterator

import pytest

from deploy.kafka.local_broker import BrokerFailed, LocalBroker, missing_tools

LOUD = "\n*** Kafka tests are SKIPPED: {reason} ***\n"


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest) -> Iterator[LocalBroker]:
    """A running broker on loopback; skips where there can be none."""
    require_broker(request)
    try:
        with LocalBroker() as broker:
            yield broker
    except BrokerFailed as error:
        pytest.fail(str(error))


def require_broker(request: pytest.FixtureRequest) -> None:
    """Skip a test loudly without Java 17 and Maven, which is a failure where CI is set."""
    reason = missing_tools()
    if reason:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"the Kafka tests must run here: {reason}")
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(LOUD.format(reason=reason))
        pytest.skip(reason)
