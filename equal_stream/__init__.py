"""equal-stream: a live crawl, your target questions, a capped LLM budget, and the pairs worth most.

Where to start reading: `messages` (what flows), `settings` (what can be set), `topics` (where it
flows), then the folders in the order a document meets them: `feed`, `embedding`, `clustering`,
`allocation`, `extraction`, `export`. `transport` and `store` are the two things they all stand on.
"""

__version__ = "0.1.0"
