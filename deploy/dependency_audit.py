"""Asks whether a vulnerability is known in any package that the hashed lock pins.

    python -m deploy.dependency_audit                  # 1: something is known; 3: nobody could be asked
    python -m deploy.dependency_audit --if-reachable   # for CI: where nobody can be asked, says so and passes

Only a question that got no answer is taken for a database out of reach. Anything else that goes wrong (2)
fails in CI as well, or a lock that cannot be read would pass for ever.

`uv audit` asks the OSV database. It reads a project's uv.lock, which this repository does not keep (it would
name package indexes), so one is made for the occasion from the pins; nothing is resolved or downloaded.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

LOCKS = (Path("requirements/lock.txt"), Path("requirements/uv.txt"))
KNOWN, BROKEN, NOT_ASKED = 1, 2, 3  # exit codes
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!_-]+) *([;\\].*)?")
_NO_PIN = re.compile(r" |#|$")  # hashes and comments go on below a pin
_QUESTION = "/v1/querybatch"  # where OSV is asked about all packages at once
_DETAILS = re.compile(r"/v1/vulns/([A-Za-z0-9._-]+)")  # asked of each vulnerability that its answer names
_SOURCE = (
    '{ registry = "http://127.0.0.1:9/simple" }'  # nobody: what is yanked is not asked, and refused at once
)


class NotAudited(Exception):
    """Nobody was asked, for a reason that lies here."""


class Pin(NamedTuple):
    """A package and its version."""

    name: str
    version: str


def pins(locks: Sequence[Path] = LOCKS) -> list[Pin]:
    """Return the packages in hashed requirement files; some have another version for each Python.

    Raises `NotAudited` where something in them is not pinned, as nobody would be asked about it.
    """
    found = set()
    for lock in locks:
        for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
            pin = _PIN.fullmatch(line)
            if pin is not None:
                found.add(Pin(pin[1], pin[2]))
            elif not _NO_PIN.match(line):
                raise NotAudited(f"line {number} of {lock} pins no version ({line.strip()[:80]})")
    if not found:
        raise NotAudited(f"nothing is pinned in {', '.join(map(str, locks))}")
    return sorted(found)


def write_project(directory: Path, versions: Sequence[Pin]) -> None:
    """Write a project that depends on these packages, locked."""
    names = sorted({pin.name for pin in versions})
    named = ", ".join(f'"{name}"' for name in names)
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "audited"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = [{named}]\n',
        encoding="utf-8",
    )
    exact = "".join(
        f'    {{ name = "{name}", version = "{version}", source = {_SOURCE} }},\n'
        for name, version in versions
    )
    listed = "".join(f'    {{ name = "{name}" }},\n' for name in names)
    locked = "".join(
        f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {_SOURCE}\nwheels = []\n'
        for name, version in versions
    )
    (directory / "uv.lock").write_text(
        'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n[[package]]\nname = "audited"\n'
        f'version = "0"\nsource = {{ virtual = "." }}\ndependencies = [\n{exact}]\n\n'
        f"[package.metadata]\nrequires-dist = [\n{listed}]\n{locked}",
        encoding="utf-8",
    )


def audit(versions: Sequence[Pin], options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Ask about these packages; `options` are those of `uv audit`."""
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as directory:
        write_project(Path(directory), versions)
        return subprocess.run(  # noqa: S603 - our own uv, with arguments made here
            [uv, "audit", "--frozen", "--preview-features", "audit-command", *options],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "UV_HTTP_RETRIES": "0"},  # who cannot be reached is said at once
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--if-reachable", action="store_true", help="pass where nobody can be asked")
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="ID", help="a vulnerability; say why"
    )
    parser.add_argument("--service-url", help="another server with OSV's interface")
    given = parser.parse_args(arguments)
    try:
        versions = pins(LOCKS)
    except (OSError, NotAudited) as error:
        return _broken(error)
    options = [f"--ignore={each}" for each in given.ignore]
    options += [f"--service-url={given.service_url}"] if given.service_url else []
    try:
        done = audit(versions, options)
    except OSError as error:
        return _broken(f"uv cannot be started: {error}; run `make install`")
    if done.returncode in {0, KNOWN}:
        print(f"{len(versions)} pinned packages: {(done.stdout + done.stderr).strip()}")
        return done.returncode
    why = " ".join(done.stderr.split()) or "no reason given"
    if named := _DETAILS.search(why):
        print(
            f"{len(versions)} pinned packages: {named[1]} is known in one of them, and what it is could not "
            f"be asked ({why})",
            file=sys.stderr,
        )
        return KNOWN
    if _QUESTION not in why:
        return _broken(why)
    print(
        f"{len(versions)} pinned packages were NOT audited: the database of vulnerabilities cannot be asked "
        f"from here ({why}); run `make audit` where it can",
        file=sys.stderr,
    )
    return 0 if given.if_reachable else NOT_ASKED


def _broken(why: object) -> int:
    print(f"the pinned packages were NOT audited: {why}", file=sys.stderr)
    return BROKEN


if __name__ == "__main__":
    sys.exit(main())
