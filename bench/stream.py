"""The stream end to end: crawl in, pairs out, roles as processes of their own, and an audit of the books.

    python -m bench.stream --transport kafka --documents 5000
    python -m bench.stream --transport kafka --documents 5000 --tls
    python -m bench.stream --transport embedded --documents 5000

With Kafka: a real broker, `equal-stream run` for two embedders, the clusterer and the allocator, and a
local Ray cluster; with --tls the broker is reached over SASL_SSL, with SCRAM-SHA-512. Embedded:
`equal-stream up --embedders 2`. The LLM is simulate-llm with faults. The exit code is 0 when every promise
held.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import corpora
from bench.audit import Verdict, audit
from equal_stream import topics
from equal_stream.settings_sources import load_settings
from equal_stream.simulate.process import SimulatedLLM
from equal_stream.transport.base import Transport
from equal_stream.transport.factory import open_transport

COMMAND = Path(sys.executable).with_name("equal-stream")
FAULTS = ("429", "500", "garbage", "truncated", "hallucinated", "refusal", "no_usage", "timeout", "reset")
LOOK_SECONDS = 1.0
QUIET_SECONDS = 8.0
BAD_RECORDS = (
    b"{not json",
    b'{"text": "no url"}',
    b'{"url": "https://bad.invalid/neither"}',
    b'{"url": 7, "text": "wrong type"}',
    b"\xff\xfe not utf-8",
)


def environment(
    options: argparse.Namespace, data_dir: Path, llm: str, kafka: Mapping[str, str]
) -> dict[str, str]:
    """Return the settings of every process, as an operator would export them."""
    set_here = {
        "TRANSPORT": options.transport,
        "DATA_DIR": str(data_dir),
        **kafka,
        "LLM__BASE_URL": llm,
        "LLM__MODEL": "simulated",
        "LLM__API_KEY": "not-a-secret",
        "LLM__IN_MTOK_COST": "0.15",
        "LLM__OUT_MTOK_COST": "0.60",
        "LLM__TIMEOUT_SECONDS": "10",
        "LLM__MAX_CONCURRENT_REQUESTS": "8",
        "BUDGET__TOKENS_TOTAL": str(options.cap),
        "OBSERVABILITY__LOG_LEVEL": "WARNING",
    }
    return {
        **os.environ,
        **{f"EQUAL_STREAM_{name}": value for name, value in set_here.items() if value},
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }


@contextlib.contextmanager
def broker(transport: str, tls: bool = False) -> Iterator[dict[str, str]]:
    """Run a real broker where the transport is Kafka; yield the settings that lead to it."""
    if transport != "kafka":
        yield {}
        return
    from deploy.kafka.local_broker import LocalBroker  # noqa: PLC0415 - needs Java only here

    with LocalBroker() as running:
        if not tls:
            yield {"KAFKA__BOOTSTRAP_SERVERS": running.bootstrap}
            return
        yield {
            "KAFKA__BOOTSTRAP_SERVERS": running.tls_bootstrap,
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA__SASL_PLAIN_USERNAME": running.sasl_username,
            "KAFKA__SASL_PLAIN_PASSWORD": running.sasl_password,
            "KAFKA__SSL_CAFILE": str(running.certificate),
        }


@contextlib.contextmanager
def service(transport: str, env: Mapping[str, str], log: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the roles and end them in good order."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        commands: list[list[str]] = [["up", "--embedders", "2"]]
        if transport == "kafka":
            from equal_stream.ray_runtime import start_local  # noqa: PLC0415 - loads Ray only here

            ray = start_local(load_settings())
            stack.callback(ray.stop)
            env = {**env, **ray.environment, "EQUAL_STREAM_RAY__ADDRESS": ray.address}
            run_tool(["topics", "create"], env)
            roles = ("allocator", "clusterer", "embedder", "embedder")
            commands = [["run", role] for role in roles]
        processes = [
            subprocess.Popen([COMMAND, *command], env=dict(env), stdout=output, stderr=output)
            for command in commands
        ]
        try:
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(90)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def run_tool(arguments: list[str], env: Mapping[str, str]) -> None:
    """Run a command of the service and show what it says if it fails."""
    done = subprocess.run([COMMAND, *arguments], env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"equal-stream {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def publish_bad(transport: Transport) -> None:
    """Put records into the crawl that no document is made of, and a deletion."""
    from equal_stream.transport.base import OutgoingRecord  # noqa: PLC0415

    producer = transport.producer()
    for number, value in enumerate(BAD_RECORDS):
        producer.send(OutgoingRecord(topics.CRAWL.name, f"https://bad.invalid/{number}".encode(), value))
    producer.send(OutgoingRecord(topics.CRAWL.name, b"https://bad.invalid/never-there", None))
    producer.close()


def wait_until_done(
    transport: Transport, data_dir: Path, processes: list[subprocess.Popen[bytes]], limit: float
) -> float:
    """Wait until every record is through and nothing more is bought; return the seconds it took."""
    began = time.monotonic()
    seen, since = (-1,), began
    names = [topics.DOCUMENT_OUTCOMES.name, topics.EMBEDDED.name, topics.ASSIGNED.name, topics.LEDGER.name,
             topics.PAIRS.name, topics.dead_letter(topics.CRAWL.name)]  # fmt: skip
    while time.monotonic() - began < limit:
        for process in processes:
            if process.poll() is not None:
                raise SystemExit(
                    f"a role ended with code {process.returncode}; its log is {data_dir}/roles.log"
                )
        ends: dict[str, int] = dict.fromkeys(names, 0)
        for (name, _), offset in transport.end_positions(names).items():
            ends[name] += offset
        status = allocator_status(data_dir)
        state = (*ends.values(), status.get("in_flight", -1))
        if state != seen:
            seen, since = state, time.monotonic()
        idle = status.get("idle") or ("budget spent" if status.get("in_flight") == 0 else "")
        if time.monotonic() - since > QUIET_SECONDS and idle and status.get("in_flight") == 0:
            return since - began
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"not done after {limit:.0f} s; the roles' log is {data_dir}/roles.log")


def allocator_status(data_dir: Path) -> dict[str, Any]:
    """Return what the allocator shows at its /status, empty while it starts."""
    for path in (data_dir / "run").glob("allocator*.json"):
        with contextlib.suppress(OSError, ValueError):
            url = json.loads(path.read_text())["url"]
            with urllib.request.urlopen(f"{url}/status", timeout=5) as answer:
                return dict(((json.load(answer).get("allocator") or {}).get("status")) or {})
    return {}


def main() -> int:
    """Run the stream once and print the verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transport", choices=("kafka", "embedded"), default="kafka")
    parser.add_argument("--tls", action="store_true", help="reach the broker over SASL_SSL")
    parser.add_argument("--documents", type=int, default=5_000)
    parser.add_argument("--longest", type=int, default=3_000, help="characters of a document at most")
    parser.add_argument("--target", default="gsm8k_test")
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--cap", type=int, default=600_000, help="tokens")
    parser.add_argument("--limit", type=float, default=1500.0, help="seconds to wait at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep the data directory here")
    parser.add_argument("--output", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    if not corpora.available():
        raise SystemExit(f"the recorded corpora are not at {corpora.CORPORA}; this benchmark needs them")
    root = options.keep or Path(tempfile.mkdtemp(prefix="equal-stream-bench-"))
    try:
        verdict = run(options, root)
    finally:
        if options.keep is None:
            shutil.rmtree(root, ignore_errors=True)
    text = json.dumps(
        {"figures": verdict.figures, "problems": verdict.problems}, indent=2, ensure_ascii=False
    )
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text + "\n")
    print(text)
    return 1 if verdict.problems else 0


def run(options: argparse.Namespace, root: Path) -> Verdict:
    """Feed, wait and audit."""
    data_dir = root / "data"
    data_dir.mkdir(parents=True)
    rows = corpora.sample(options.documents, options.seed, options.longest)
    recorded = root / "crawl.jsonl"
    with recorded.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    texts = {str(row["url"]): str(row["text"]) for row in rows}
    with (
        broker(options.transport, options.tls) as kafka,
        SimulatedLLM(
            [recorded], faults=options.faults, seed=options.seed, latency=0.1, hang_seconds=30
        ) as llm,
    ):
        env = environment(options, data_dir, llm.base_url, kafka)
        os.environ.update({name: value for name, value in env.items() if name.startswith("EQUAL_STREAM_")})
        with service(options.transport, env, data_dir / "roles.log") as processes:
            if options.transport == "embedded":
                run_tool(["topics", "create"], env)
            run_tool(["reference", "add", options.target, str(corpora.reference_file(options.target))], env)
            began = time.monotonic()
            run_tool(["ingest", str(recorded)], env)
            transport = open_transport(load_settings())
            publish_bad(transport)
            wait_until_done(transport, data_dir, processes, options.limit)
            seconds = time.monotonic() - began
        verdict = audit(transport, texts, options.cap, llm.audit(detail=True))
        transport.close()
    verdict.figures |= {
        "transport": options.transport,
        "tls": options.tls,
        "seconds": round(seconds, 1),
        "target": options.target,
    }
    return verdict


if __name__ == "__main__":
    raise SystemExit(main())
