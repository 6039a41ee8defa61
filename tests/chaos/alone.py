"""Feeds and audits a service that somebody else runs and breaks, such as one on a real cluster.

    export EQUAL_STREAM_TRANSPORT=kafka EQUAL_STREAM_KAFKA__BOOTSTRAP_SERVERS=broker:9092 …
    python -m tests.chaos.alone feed --documents 5000 --minutes 20 --fed fed.jsonl
    python -m tests.chaos.alone audit --fed fed.jsonl --cap 2000000 --bill http://simulated-llm:8000

Both take the service's own settings (environment, or the file in EQUAL_STREAM_CONFIG). Topics should be
empty before, or the audit is also about what was there. Audit once the service is at rest
(`equal-stream status`): the store is looked at if EQUAL_STREAM_STORE__URL names a server, or with
`--store` if it lies in the data directory here and nobody has it open.
"""

import argparse
import json
import sys
import urllib.request
from pathlib import Path

from bench.audit import QuietLog
from equal_stream.settings_sources import load_settings
from equal_stream.transport.factory import open_transport
from tests.chaos.audit import Remains, examine
from tests.chaos.feeder import Feeder, read_fed
from tests.chaos.remains import stored
from tests.chaos.verdict import Verdict


def feed(options: argparse.Namespace) -> int:
    """Feed the crawl at a rate."""
    feeder = Feeder(load_settings(), options.seed, options.documents, 60 * options.minutes, options.fed)
    feeder.run()
    if feeder.error:
        raise feeder.error
    print(f"{feeder.sent} records were fed; {feeder.failures} tries failed")
    return 0


def audit(options: argparse.Namespace) -> int:
    """Audit what is there and print the verdict."""
    settings = load_settings()
    transport = open_transport(settings)
    bill = None
    if options.bill:
        with urllib.request.urlopen(f"{options.bill.rstrip('/')}/audit?detail=1", timeout=60) as answer:
            bill = json.load(answer)
    points = stored(settings, transport) if settings.store.url or options.store else (None, None)
    rows, figures = examine(
        Remains(
            transport=QuietLog(transport),
            fed=read_fed(options.fed) if options.fed else (),
            cap=options.cap,
            bill=bill,
            passages=points[0],
            documents=points[1],
        )
    )
    transport.close()
    command = "python -m tests.chaos.alone " + " ".join(sys.argv[1:])
    verdict = Verdict(command, rows, [], figures)
    print(verdict.as_json() if options.json else verdict.as_markdown())
    return 1 if verdict.problems else 0


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    feeding = commands.add_parser("feed", help="feed a seeded crawl")
    feeding.add_argument("--documents", type=int, default=5_000)
    feeding.add_argument("--minutes", type=float, default=20.0)
    feeding.add_argument("--seed", type=int, default=1)
    feeding.add_argument("--fed", type=Path, required=True, help="where to note what was sent")
    feeding.set_defaults(work=feed)
    auditing = commands.add_parser("audit", help="audit log, store and bill")
    auditing.add_argument("--fed", type=Path, help="what `feed` noted")
    auditing.add_argument("--cap", type=int, help="tokens")
    auditing.add_argument("--bill", help="address of simulate-llm")
    auditing.add_argument("--store", action="store_true", help="look at the embedded store too")
    auditing.add_argument("--json", action="store_true")
    auditing.set_defaults(work=audit)
    options = parser.parse_args(arguments)
    return int(options.work(options))


if __name__ == "__main__":
    raise SystemExit(main())
