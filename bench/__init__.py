"""Benchmarks: every figure that the README or docs claim comes from a command in here."""
