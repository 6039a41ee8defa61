"""The command line: one module a command or group of commands, declared in `commands`.

Where to start reading: `commands` (the table), `app` (from the shell to a command and from an error to
one sentence), `invocation` (how a command gets its settings). A new command is one module and one row.
"""
