"""The three roles as processes: `embedder`, `clusterer`, `allocator`. Wiring and loops, no decisions."""
