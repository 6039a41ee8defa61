"""Crawled files into documents: one module a format, and the way from a file to `crawl.documents`.

Three nouns. A *source* is an open file, decompressed, that knows where it stands. A *feed* reads the
records of one format from a source and yields, for each, a document or a *problem* with its reason.

Where to start reading: `base` (the interface), `registry` (which feed reads which file), `plain` (the
shortest feed), `ingest` (a file to the log), `follow` (a growing folder). A new format is one module and
one line in `registry`.
"""
