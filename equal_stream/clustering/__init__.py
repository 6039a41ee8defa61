"""Passage vectors in, stable cluster ids and their lineage out. Pure: no I/O.

Read `base` for what the stream process relies on, then `evolving` for the default clusterer:
`table` holds its clusters, `sample` the evidence, `valley` the criterion, `structure` the decisions,
`lineage` the history, `snapshot` the bytes. `checks` proves a clusterer conforms; `registry` names them.
"""
