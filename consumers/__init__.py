"""The three roles as processes: `embedder`, `clusterer`, `allocator`. Wiring and loops; nothing here decides."""
