"""Policies: which candidates to buy next. One file each, one registry."""
