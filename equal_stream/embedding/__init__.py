"""From crawled documents to passages with vectors: what the embedder decides, without its loop.

A record's way through the package: `intake` (message, URL, time) → `text` → `language` → `fingerprint` →
`duplicates` (what is new) → `passages` (spans) → `encoder` (vectors) → `stage` (store, publish, commit).
"""
