"""Helm for the chart's tests; they are skipped with one loud line where it can neither be found nor built."""

import os

import pytest

from deploy.chart.helm_binary import HelmMissing, missing_tools, obtain
from tests.helm.chart import Chart
from tests.helm.custom_resources import CRDS, missing_definitions

LOUD = "\n*** The chart's {what} tests are SKIPPED: {reason} ***\n"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chart" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.helm)
            item.add_marker(pytest.mark.timeout(1500))  # the first one may have to wait for Go


@pytest.fixture(scope="session")
def chart(request: pytest.FixtureRequest) -> Chart:
    """The chart with a Helm; without Helm and Go this is a skip, and a failure where CI is set."""
    reason = missing_tools()
    if reason and os.environ.get("CI", "").lower() not in {"1", "true"}:
        shout(request, "own", reason)
        pytest.skip(reason)
    try:
        return Chart(obtain())
    except HelmMissing as error:
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def definitions(request: pytest.FixtureRequest) -> None:
    """Custom resource definitions, which are not part of the tree; without them this is a loud skip."""
    reason = missing_definitions()
    if reason:
        shout(request, "custom resource", f"{reason} (looked in {CRDS}; set CRDS_DIR to name another)")
        pytest.skip(reason)


def shout(request: pytest.FixtureRequest, what: str, reason: str) -> None:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(LOUD.format(what=what, reason=reason))
