"""The log that everything stands on."""

import contextlib

from equal_stream.checkup.finding import Verdict
from equal_stream.settings import Settings
from equal_stream.settings_rules import require_transport_ready
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.embedded.transport import FILE_NAME
from equal_stream.transport.factory import open_transport


def transport(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that the log answers and has every topic with the partitions configured."""
    require_transport_ready(settings)
    if settings.transport == "embedded" and not (settings.data_dir / FILE_NAME).exists():
        return "ok", f"embedded; {settings.data_dir / FILE_NAME} will be made at the first use", ""
    with contextlib.closing(open_transport(settings)) as log:
        present = log.topics()
    expected = {spec.name: spec.partitions for spec in topic_specs(settings)}
    where = (
        settings.kafka.bootstrap_servers if settings.transport == "kafka" else settings.data_dir / FILE_NAME
    )
    missing = [name for name in expected if name not in present]
    if missing:
        found = f"{where} answers; {len(missing)} of {len(expected)} topics are missing, such as {missing[0]}"
        return "failed", found, "run: equal-stream topics create"
    differing = [name for name, count in expected.items() if present[name] != count]
    if differing:
        name = differing[0]
        found = f"{where} answers; {name} has {present[name]} partitions, configured are {expected[name]}"
        return "warning", found, "set topics.partitions to what is there, or have the partitions added"
    return "ok", f"{where} answers; all {len(expected)} topics are there", ""
