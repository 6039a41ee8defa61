"""The running allocator: moves messages between the log, the store, the workers and the pure core.

`allocation` thinks and knows no I/O; this package acts and decides nothing. `cycle` is one turn and
its commit path; `recovery` brings the core back after a crash; `actor` runs the turns in Ray.
"""
