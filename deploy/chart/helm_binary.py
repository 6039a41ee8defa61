"""Helm for this repository's checks: the one on the PATH, or one that Go builds once into `build/bin`.

python -m deploy.chart.helm_binary         # finds or builds it and prints where it is
"""

# ruff: noqa: S603, S607 - it runs helm and go from the PATH, with arguments made here
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "v3.22.0"
BUILT = Path(__file__).resolve().parents[2] / "build" / "bin" / f"helm-{VERSION}"
BUILD_SECONDS = 1200  # one and a half minutes on two idle cores


class HelmMissing(RuntimeError):
    """There is no Helm, and no Go to build it with; or Go could not build it."""


def missing_tools() -> str:
    """Return what is missing for Helm in one sentence; empty when it is there or can be built."""
    if present() or shutil.which("go"):
        return ""
    return "the chart's tests need Helm 3 or, to build it, Go, and neither is on the PATH"


def present() -> Path | None:
    """Return a Helm that can be used at once: one already built here, else Helm 3 from the PATH."""
    if BUILT.is_file():
        return BUILT
    found = shutil.which("helm")
    if found is None:
        return None
    version = subprocess.run([found, "version", "--short"], capture_output=True, text=True, check=False)
    return Path(found) if re.match(r"v3\.", version.stdout) else None


def obtain() -> Path:
    """Return a Helm, built first where need be, once, however many processes ask for it.

    Raises
    ------
    HelmMissing
        There is none and it cannot be built.
    """
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    with (BUILT.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        helm = present()
        if helm is None:
            helm = _build()
        return helm


def _build() -> Path:
    if not shutil.which("go"):
        raise HelmMissing(missing_tools())
    sys.stderr.write(f"building Helm {VERSION} into {BUILT.parent} (a minute or two, once)\n")
    with tempfile.TemporaryDirectory(dir=BUILT.parent) as aside:
        try:
            done = subprocess.run(
                ["go", "install", f"helm.sh/helm/v3/cmd/helm@{VERSION}"],
                env={**os.environ, "GOBIN": aside},
                capture_output=True,
                text=True,
                check=False,
                timeout=BUILD_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise HelmMissing(f"Go did not build Helm within {BUILD_SECONDS} s") from error
        if done.returncode:
            raise HelmMissing(f"Go could not build Helm {VERSION}: {done.stderr.strip()[-500:]}")
        Path(aside, "helm").rename(BUILT)
    return BUILT


def main() -> None:
    """Print where Helm is."""
    try:
        print(obtain())
    except HelmMissing as error:
        sys.exit(f"*** {error} ***")


if __name__ == "__main__":
    main()
