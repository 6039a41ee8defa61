"""Where passages and document fingerprints rest: a Qdrant server, or an EdgeShard when there is none."""
