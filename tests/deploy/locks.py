"""Reads the hashed locks under requirements/."""

from pathlib import Path

from deploy import dependency_audit

ROOT = Path(__file__).resolve().parents[2]


def pins(name: str) -> dict[str, str]:
    """Return the version of each package in a lock."""
    return dict(dependency_audit.pins([ROOT / "requirements" / name]))
