"""The result of trying one thing."""

import importlib
from typing import Literal

import msgspec

from equal_stream.errors import EqualStreamError
from equal_stream.settings import Settings

Verdict = Literal["ok", "warning", "failed"]


class Finding(msgspec.Struct, frozen=True):
    """What was found, and where it is not ok: what to do, in one sentence.

    A warning works and deserves a look; something that failed will stop a role.
    """

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def examine(name: str, check: str, settings: Settings) -> Finding:
    """Run the check at ``module:function``; an error it raises is its finding.

    A check takes the settings and returns verdict, what was found, and what to do.
    """
    module, _, function = check.partition(":")
    try:
        verdict, found, advice = getattr(importlib.import_module(module), function)(settings)
    except EqualStreamError as error:
        return Finding(name, "failed", str(error))
    except Exception as error:  # noqa: BLE001 - whatever a dependency raises, the other checks go on
        return Finding(name, "failed", f"{type(error).__name__}: {error}".splitlines()[0])
    return Finding(name, verdict, found, advice)
