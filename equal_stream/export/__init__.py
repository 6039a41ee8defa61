"""Pairs into training-ready files: one module a format.

Where to start reading: `base` (what a format is), `alpaca` (the shortest), `registry` (the list), `fold`
(which pairs are in force), `write` (from the fold to a file that is whole or not there). A new format is
one module and one line in `registry`.
"""
