"""The books: one record for every request, written down before the response leaves.

With a file, each record is appended to it in one write as soon as it is made, so the books survive the
end of the process by any signal; a server that is started again on the same file goes on from there.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from equal_stream.simulate.outcomes import Outcome


class AuditFileError(Exception):
    """The audit file cannot be used; the message says why."""


class AuditRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one request.

    `request` is its number, from 1. `client_request_id` is what the client calls it: the first there is of
    ``metadata.request_id``, the headers ``Idempotency-Key`` and ``X-Request-Id``, and `user`.
    `usage_delivered` says whether the response told the client its tokens while it was still listening.
    """

    request: int
    kind: Outcome
    billed: bool
    tokens_in: int = 0
    tokens_out: int = 0
    usage_delivered: bool = False
    passage_sha256: str = ""
    client_request_id: str = ""


class Audit:
    """Counts what is billed, by kind.

    Parameters
    ----------
    file
        JSONL to append to and go on from; None keeps the books in memory only.
    in_mtok_cost, out_mtok_cost
        USD per million tokens; where both are None the summary has no `usd`.

    Raises
    ------
    AuditFileError
        The file cannot be opened or holds something else than audit records.
    """

    def __init__(
        self, file: Path | None = None, in_mtok_cost: float | None = None, out_mtok_cost: float | None = None
    ) -> None:
        self._prices = (
            None
            if in_mtok_cost is None and out_mtok_cost is None
            else (in_mtok_cost or 0.0, out_mtok_cost or 0.0)
        )
        self._records: list[AuditRecord] = []
        self._kinds: Counter[str] = Counter()
        self._tokens_in = self._tokens_out = self._billed = self._silent = 0
        self._descriptor: int | None = None
        if file is not None:
            self._resume(file)

    @property
    def requests(self) -> int:
        """The highest number given to a request so far."""
        return max((record.request for record in self._records), default=0)

    def add(self, record: AuditRecord) -> None:
        """Write down what became of a request."""
        if self._descriptor is not None:
            os.write(self._descriptor, msgspec.json.encode(record) + b"\n")
        self._count(record)

    def summary(self, *, detail: bool = False) -> dict[str, Any]:
        """Return the totals; with `detail` also every record, in the order of arrival."""
        summary: dict[str, Any] = {
            "requests": len(self._records),
            "billed_requests": self._billed,
            "billed_without_usage_delivered": self._silent,
            "tokens_in": self._tokens_in,
            "tokens_out": self._tokens_out,
            "tokens": self._tokens_in + self._tokens_out,
            "kinds": dict(sorted(self._kinds.items())),
        }
        if self._prices is not None:
            in_cost, out_cost = self._prices
            summary["usd"] = (self._tokens_in * in_cost + self._tokens_out * out_cost) / 1e6
        if detail:
            ordered = sorted(self._records, key=lambda record: record.request)
            summary["detail"] = [msgspec.structs.asdict(record) for record in ordered]
        return summary

    def _count(self, record: AuditRecord) -> None:
        self._records.append(record)
        self._kinds[record.kind] += 1
        if record.billed:
            self._billed += 1
            self._silent += not record.usage_delivered
            self._tokens_in += record.tokens_in
            self._tokens_out += record.tokens_out

    def _resume(self, file: Path) -> None:
        """Take over the records of earlier runs; a last line that a crash cut short was never billed."""
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            kept = file.read_bytes()
            complete = kept[: kept.rfind(b"\n") + 1]
            if len(complete) < len(kept):
                os.ftruncate(self._descriptor, len(complete))
            for record in msgspec.json.Decoder(AuditRecord).decode_lines(complete):
                self._count(record)
        except OSError as error:
            raise AuditFileError(f"audit file {file} cannot be used: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise AuditFileError(
                f"audit file {file} holds something else than audit records: {error}"
            ) from error
