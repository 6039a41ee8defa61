"""How much of a file is held in memory at once, in bytes; whatever is larger gets a reason instead."""

from equal_stream.topics import CRAWL

MAX_RECORD_BYTES = CRAWL.max_message_bytes  # what crawl.documents takes, key and headers included
MAX_CONTENT_BYTES = 2 * MAX_RECORD_BYTES  # a page in UTF-16 shrinks to half when written as UTF-8
MAX_LINE_BYTES = 6 * MAX_RECORD_BYTES  # JSON may write one byte of text as six: \u0041
MAX_HEADER_BYTES = 262_144  # of a WARC or HTTP header; common servers stop at 8 to 64 KiB
