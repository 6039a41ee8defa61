"""Replays recorded extractions through the allocator's own core, under several policies."""
