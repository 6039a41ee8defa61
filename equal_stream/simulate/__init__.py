"""An OpenAI-compatible server for tests, demos and dry runs, which keeps its own books.

It is an independent witness of what was billed, so it imports nothing from the rest of equal_stream
and nothing there imports it: whatever both sides agree on, they agree on over HTTP.

Where to start reading: `server` (one request from arrival to audit), `outcomes` (what each costs),
`recorded` (answers from recorded pairs), `heuristic` (answers to unknown passages),
`process` (a running server for a test).
"""
