"""From an error to one sentence on stderr and an exit code.

0 done, 1 failed, 2 wrong configuration or usage, 3 a dependency cannot be reached, 70 a fault of this
program, 130 Ctrl-C, 141 the reader of the output went away; errors that carry their own code keep it.
"""

import errno
import os
import sys
import traceback

import typer

from equal_stream.cli.invocation import Invocation
from equal_stream.errors import EqualStreamError

INTERNAL = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE = 141  # 128 + SIGPIPE


def report(error: BaseException, invocation: Invocation) -> int:
    """Say what went wrong, and return the exit code."""
    code, sentence = _told(error)
    if sentence:
        # The traceback comes first, so that the sentence stands last on the screen.
        lines = "".join(traceback.format_exception(error)) if invocation.debug else ""
        text = f"{lines}{' '.join(sentence.split())}"
        typer.echo(invocation.masking().text(text), err=True)
    return code


def _told(error: BaseException) -> tuple[int, str]:
    sentence = f"equal-stream: {error}"
    match error:
        case EqualStreamError():
            code = error.exit_code
        case typer.TyperException():
            code, sentence = error.exit_code, _usage(error)
        case KeyboardInterrupt() | typer.Abort():
            code, sentence = INTERRUPTED, ""
        case BrokenPipeError() | SystemExit(__context__=BrokenPipeError()):  # typer turns one into the other
            code, sentence = BROKEN_PIPE, ""
            # Nothing may be written at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        case SystemExit(code=int(code)):
            sentence = ""
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            full = str(error.filename or "the data directory, or of the one for temporary files")
            code, sentence = 1, f"equal-stream: the disk of {full} is full: make room, and start again"
        case OSError(strerror=str(), filename=filename) if filename:
            code, sentence = 1, f"equal-stream: {filename}: {error.strerror}"
        case OSError():
            code = 1
        case _:
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"internal error, {type(error).__name__} in {where.name}: {error}"
            code, sentence = INTERNAL, f"equal-stream: {what}; --debug shows where it came from"
    return code, sentence


def _usage(error: typer.TyperException) -> str:
    if type(error).__name__ == "NoArgsIsHelpError":  # the help itself has been printed
        return ""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "equal-stream"
    return f"{path}: {error.format_message().strip().rstrip('.')}; see {path} --help"
