"""A real Kafka broker on this machine, without installing Kafka: Java 17 and Maven are enough.

    python deploy/kafka/local_broker.py        # runs one until Ctrl-C and prints its address

or, from tests and benchmarks:

    with LocalBroker() as broker:
        broker.bootstrap                       # "127.0.0.1:…"

The jars are resolved once into `build/kafka/libs`. A broker keeps its log in a temporary directory,
listens on free loopback ports and leaves nothing behind.
"""

# ruff: noqa: S603, S607 - it runs java and mvn from the PATH, with arguments made here
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).resolve().parent
LIBS = HERE.parents[1] / "build" / "kafka" / "libs"
START_SECONDS = 60
STOP_SECONDS = 15
_SERVER_PORTS = (20_000, 32_000)  # Ray gives its workers those below, Linux clients those from 32,768 on
_CHANCE = random.SystemRandom()


class BrokerFailed(RuntimeError):
    """The jars could not be resolved, or the broker did not come up."""


def missing_tools() -> str:
    """Return what a broker needs and this machine lacks, in one sentence; empty when nothing is missing."""
    if not shutil.which("java"):
        return "a local Kafka broker needs Java 17 or later, and no java is on the PATH"
    found = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', found)
    if not version or int(version[1]) < 17:
        return f"a local Kafka broker needs Java 17 or later, and this is: {found.splitlines()[:1]}"
    if not shutil.which("mvn") and not _jars():
        return "a local Kafka broker needs Maven to resolve its jars, and no mvn is on the PATH"
    return ""


def resolve_jars() -> None:
    """Put the broker's jars into `build/kafka/libs`, once, however many processes ask for them."""
    LIBS.parent.mkdir(parents=True, exist_ok=True)
    with (LIBS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _jars():
            return
        aside = LIBS.with_name(f"libs.{os.getpid()}")
        command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={aside}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            shutil.rmtree(aside, ignore_errors=True)
            raise BrokerFailed(f"Maven could not resolve the broker's jars: {done.stdout.strip()[:500]}")
        shutil.rmtree(LIBS, ignore_errors=True)
        aside.rename(LIBS)


def _jars() -> list[Path]:
    return list(LIBS.glob("kafka_*.jar"))


class LocalBroker:
    """One broker in KRaft mode; a context manager.

    Attributes
    ----------
    bootstrap
        Address without security.
    sasl_bootstrap, sasl_username, sasl_password
        Address that asks for SASL PLAIN, and a user it knows, who may do everything. So may whoever comes
        without security; users that are added (SCRAM, over TLS) may do what ACLs allow them.
    tls_bootstrap, certificate
        Address that asks the same user for PLAIN or SCRAM over TLS, and the certificate to trust, as PEM.
    log_directory
        Where it keeps its partitions.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="equal-stream-kafka-"))
        port, sasl_port, tls_port, controller_port = free_ports(4)
        self.bootstrap = f"127.0.0.1:{port}"
        self.sasl_bootstrap = f"127.0.0.1:{sasl_port}"
        self.tls_bootstrap = f"127.0.0.1:{tls_port}"
        self.sasl_username, self.sasl_password = "streamer", os.urandom(8).hex()
        self.certificate = self._directory / "certificate.pem"
        self._keystore = self._directory / "keystore.p12"
        self.log_directory = self._directory / "log"
        self._process: subprocess.Popen[bytes] | None = None
        template = (HERE / "server.properties").read_text()
        self._properties = self._directory / "server.properties"
        self._properties.write_text(
            template.format(
                port=port,
                sasl_port=sasl_port,
                tls_port=tls_port,
                keystore=self._keystore,
                controller_port=controller_port,
                log_dir=self.log_directory,
                sasl_username=self.sasl_username,
                sasl_password=self.sasl_password,
            )
        )
        self._formatted = False

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start it, with the log it had before, and wait until it answers."""
        if not self._formatted:
            resolve_jars()
            self._make_certificate()
            user = f"[name={self.sasl_username},password={self.sasl_password}]"
            scram = [f"--add-scram=SCRAM-SHA-{bits}={user}" for bits in (256, 512)]
            cluster = self._tool("random-uuid").strip()
            self._tool("format", "-t", cluster, "-c", str(self._properties), *scram)
            self._formatted = True
        output = (self._directory / "output.txt").open("ab")
        with output:
            self._process = subprocess.Popen(
                [*_java("512m"), "kafka.Kafka", str(self._properties)],
                stdout=output,
                stderr=output,
                cwd=self._directory,
                start_new_session=True,
            )
        self._wait_until_up(self._process)

    def stop(self) -> None:
        """Shut it down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its files."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if not self._process:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _make_certificate(self) -> None:
        """Make a certificate for 127.0.0.1 that is its own authority."""
        store = ["-keystore", str(self._keystore), "-storepass", self.sasl_password, "-alias", "broker"]
        made = ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=127.0.0.1"]
        made += [
            "-ext",
            "san=ip:127.0.0.1",
            "-ext",
            "bc:c=ca:true",
            "-storetype",
            "PKCS12",
            "-validity",
            "30",
        ]
        for command in (made, ["-exportcert", "-rfc", "-file", str(self.certificate)]):
            done = subprocess.run(
                [_beside_java("keytool"), *command, *store], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise BrokerFailed(f"keytool could not make a certificate: {done.stdout.strip()[-500:]}")

    def _tool(self, *arguments: str) -> str:
        done = subprocess.run(
            [*_java("128m"), "kafka.tools.StorageTool", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BrokerFailed(f"the broker's log could not be formatted: {done.stderr.strip()[-500:]}")
        return done.stdout

    def _wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        host, port = self.bootstrap.split(":")
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and process.poll() is None:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        output = (self._directory / "output.txt").read_text(errors="replace")
        raise BrokerFailed(f"the broker did not come up: {output[-800:]}")


def _beside_java(tool: str) -> str:
    """Return the path of a tool that comes with Java, which need not be on the PATH."""
    beside = Path(shutil.which("java") or "java").resolve().with_name(tool)
    return str(beside) if beside.exists() else tool


def _java(heap: str) -> list[str]:
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", quiet, "-cp", f"{LIBS}/*"]


def free_ports(count: int) -> list[int]:
    """Return free ports on loopback for servers that go away and come back.

    They lie below those that the system gives to clients: one that tries again and again to reach a server
    that is away could otherwise be given the server's own port, reach itself, and keep the port taken.
    """
    found: dict[int, socket.socket] = {}
    try:
        while len(found) < count:
            port = _CHANCE.randrange(*_SERVER_PORTS)
            with suppress(OSError):
                found[port] = socket.create_server(("127.0.0.1", port))
        return list(found)
    finally:
        for each in found.values():
            each.close()


def main() -> None:
    """Run a broker until interrupted."""
    missing = missing_tools()
    if missing:
        sys.exit(missing)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt), LocalBroker() as broker:
        print(f"Kafka listens on {broker.bootstrap}; Ctrl-C ends it and removes its data", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
