"""Passage vectors in, stable cluster ids and their lineage out. Pure: no I/O.

Read `base` for what the stream process relies on, then `evolving` for the default clusterer:
`online` is the step every batch takes, `maintenance` runs what changes the clusters (`splits`, `births`,
`merges`, all judged by `valley`), and `structure` holds what they work on: the live clusters (`table`),
the evidence (`sample`) and the history (`lineage`). `snapshot` turns it into bytes and back. `checks`
proves that a clusterer conforms, and `registry` names them.
"""
