"""`parquet`: every field of every pair, for analysis and for choosing by oneself."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from equal_stream.export.base import ExportOptions
from equal_stream.messages import QAPair

_ROWS = 4_096  # in a row group, and in memory
_EVIDENCE = pa.struct([("quote", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
_NOT_TEXT = {
    "evidence": _EVIDENCE,
    "cluster_id": pa.int64(),
    "gain": pa.float64(),
    "tokens_in": pa.int64(),
    "tokens_out": pa.int64(),
    "cost_usd": pa.float64(),
    "propensity": pa.float64(),
    "extracted_at": pa.timestamp("us", tz="UTC"),
}
SCHEMA = pa.schema([(name, _NOT_TEXT.get(name, pa.string())) for name in QAPair.__struct_fields__])


class ParquetFormat:
    """One column a field of `QAPair`; evidence is a struct of quote, start and end."""

    name = "parquet"
    takes_options = False

    def write(self, pairs: Iterator[QAPair], file: BinaryIO, options: ExportOptions) -> None:  # noqa: ARG002 - it has every field
        """Write the pairs in row groups."""
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            while group := [_row(pair) for pair in islice(pairs, _ROWS)]:
                writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))


def _row(pair: QAPair) -> dict[str, Any]:
    return msgspec.structs.asdict(pair) | {"evidence": msgspec.structs.asdict(pair.evidence)}
