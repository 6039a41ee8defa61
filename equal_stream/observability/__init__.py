"""What an operator sees of a running role: logs, metrics, probes, and how it stops.

`role` ties them together for one process; `logging`, `metrics`, `health`, `server` and `stopping` are the
parts. Nothing here decides anything, and no role needs any of it to do its work.
"""
