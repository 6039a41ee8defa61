"""A log in one SQLite file: for one machine, any number of processes, and no server.

`database` opens the file · `catalog` knows topics and partitions · `log` appends and reads records ·
`groups` shares partitions among members and keeps positions · `housekeeping` ages the log ·
`consumer` and `producer` are the two ends · `transport` puts them together.
"""

from equal_stream.transport.embedded.transport import EmbeddedTransport

__all__ = ["EmbeddedTransport"]
