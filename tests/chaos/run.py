"""Breaks the service in every way while it works, and audits what is left.

    python -m tests.chaos.run --transport kafka --documents 20000 --kills 100 --seed 1
    python -m tests.chaos.run --transport embedded --documents 2000 --kills 20 --seed 1

The exit code is 0 when every promise held. `tests.chaos.alone` does the feeding and the audit alone, on a
service that somebody else runs.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.audit import QuietLog
from tests.chaos.audit import Remains, examine
from tests.chaos.faults import Injector
from tests.chaos.feeder import Feeder, read_fed
from tests.chaos.plan import Plan
from tests.chaos.remains import stored
from tests.chaos.rest import wait_for_rest
from tests.chaos.schedule import KILLED, OTHERS, Kind, Victim, schedule
from tests.chaos.site import Site
from tests.chaos.verdict import Injected, Row, Verdict

LOOK_SECONDS = 0.4
FED = "fed.jsonl"  # what the feeder sent
_TOKENS_A_DOCUMENT = 250  # a cap that is reached before the crawl is through
_USUAL_START_SECONDS = 30.0  # on two cores that have nothing else to do
_MOST_SLOW = 4.0  # a machine that is slower gets no more time
_KEPT_CHARACTERS = 50_000_000  # of what the processes print
_PACE = (
    2.0  # tickets a document at most, so that money is spent as long as it is fed, and after pauses sooner
)
_EMBEDDED_VICTIMS = (*KILLED, Victim.SERVICE)


def run(plan: Plan, say: bool = True, keep: Path | None = None) -> Verdict:
    """Carry out a plan and return its verdict; `keep`: a file for what the processes print.

    Raises
    ------
    NotAtRest
        The service did not come to rest in time.
    """
    cap = plan.cap or _TOKENS_A_DOCUMENT * plan.documents
    pace = max(60, int(_PACE * plan.documents / (plan.seconds / 60)))
    site = Site(
        plan.transport,
        plan.seed,
        {"budget.tokens_total": str(cap), "allocation.max_tickets_per_minute": str(pace)},
    )
    diary = Diary(say)
    try:
        injected, figures = _live(plan, site, diary)
        left = site.stop()
        diary.tell("everything has stopped")
        rows, found = _look_back(site, cap, left)
    except BaseException:
        diary.tell(f"what the processes said last:\n{site.said()}")
        raise
    finally:
        said = site.said(_KEPT_CHARACTERS)
        site.close()
        if keep:
            keep.write_text(said)
    return Verdict(plan.command, [*rows, _killed(injected, plan)], injected, found | figures)


class Diary:
    """Says what happens, and when."""

    def __init__(self, say: bool) -> None:
        self._say = say
        self.began = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds since `began`."""
        return time.monotonic() - self.began

    def tell(self, text: str) -> None:
        """Print a sentence to the standard error."""
        if self._say:
            print(f"{self.seconds():7.1f} s  {text}", file=sys.stderr, flush=True)


def _live(plan: Plan, site: Site, diary: Diary) -> tuple[list[Injected], dict[str, Any]]:
    """Start the service, feed and break it, and wait until it is at rest."""
    site.open()
    diary.tell(f"the service starts under {site.directory}")
    site.wait_until_ready()
    slow = min(_MOST_SLOW, max(1.0, diary.seconds() / _USUAL_START_SECONDS))
    seconds, patience = slow * plan.seconds, slow * plan.patience
    victims = tuple(KILLED) if plan.transport == "kafka" else _EMBEDDED_VICTIMS
    faults = schedule(plan.seed, seconds, plan.kills, plan.others, victims)
    diary.tell(f"it is fed and broken for {seconds:.0f} s, as this machine is {slow:.1f} times slow")
    feeder = Feeder(site.service.settings, plan.seed, plan.documents, seconds, site.directory / FED)
    diary.began = time.monotonic()
    injector = Injector(site, faults, plan.seed, diary.seconds)
    feeder.start()
    _break(site, feeder, injector, seconds + patience, diary.tell)
    diary.tell("all is fed, and nothing is broken any more")
    wait_for_rest(site.service, time.monotonic() + patience, site.look, diary.tell)
    diary.tell("at rest")
    return injector.injected, {
        "seconds": round(diary.seconds(), 1),
        "slow": round(slow, 2),
        "restarts": {name: post.codes for name, post in site.supervisor.posts.items()},
        "stray_codes": list(site.supervisor.stray_codes),
    }


def _look_back(site: Site, cap: int, left: Mapping[int, str]) -> tuple[list[Row], dict[str, Any]]:
    """Audit what a service that has stopped leaves."""
    transport = site.service.transport
    passages, documents = stored(site.service.settings, transport)
    remains = Remains(
        transport=QuietLog(transport),
        fed=read_fed(site.directory / FED),
        cap=cap,
        bill=site.provider.bill(),
        passages=passages,
        documents=documents,
        broker_log=site.broker.log_directory if site.broker else None,
        left_behind=left,
    )
    try:
        return examine(remains)
    finally:
        transport.close()


def _break(
    site: Site, feeder: Feeder, injector: Injector, longest: float, tell: Callable[[str], None]
) -> None:
    """Feed and break until both are done."""
    latest = time.monotonic() + longest
    try:
        while feeder.is_alive() or not injector.done:
            for happened in injector.look():
                tell(happened)
            site.look()
            if time.monotonic() > latest:
                raise TimeoutError(f"only {feeder.sent} documents could be fed, and not all was broken")
            time.sleep(LOOK_SECONDS)
    finally:
        injector.finish()
        feeder.stop()
    feeder.join()
    if feeder.error:
        raise feeder.error


def _killed(injected: Sequence[Injected], plan: Plan) -> Row:
    """Say whether all kills of the schedule came."""
    count = sum(each.fault.startswith(Kind.KILL) and not each.not_injected for each in injected)
    short = [f"{count} of {plan.kills} kills came"] if count < plan.kills else []
    return Row("processes killed with kill -9", str(count), f"≥ {plan.kills}", short)


def main() -> int:
    """Run once, print the verdict, and write it down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transport", choices=("kafka", "embedded"), default="kafka")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0, help="of feeding and breaking")
    parser.add_argument("--patience", type=float, default=15.0, help="minutes to come to rest after that")
    parser.add_argument("--only-kills", action="store_true", help="none of the other faults")
    parser.add_argument("--output", type=Path, help="write the verdict here, as .json and .md")
    parser.add_argument("--log", type=Path, help="keep what the processes print")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    plan = Plan(
        transport=options.transport,
        documents=options.documents,
        kills=options.kills,
        seed=options.seed,
        seconds=60 * options.minutes,
        patience=60 * options.patience,
        others=() if options.only_kills else OTHERS,
    )
    verdict = run(plan, keep=options.log)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.with_suffix(".json").write_text(verdict.as_json())
        options.output.with_suffix(".md").write_text(verdict.as_markdown())
    print(verdict.as_markdown())
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
