"""Keeps a process at each post: one that ended is started again after a pause, as Kubernetes would."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

FIRST_PAUSE = 1.0  # seconds; doubled each time a process fails soon
LONGEST_PAUSE = 20.0  # Kubernetes waits for up to five minutes; nothing is learned from that here
STEADY_SECONDS = 30.0  # a process that ran for so long did not fail soon
_STOP_SECONDS = 60.0

Process = subprocess.Popen[bytes]


@dataclass
class Post:
    """A place at which one process is to run.

    Attributes
    ----------
    codes
        How its processes ended, in order; negative: by which signal.
    """

    name: str
    command: tuple[str, ...]
    process: Process
    since: float
    pause: float = FIRST_PAUSE
    again_at: float | None = None
    codes: list[int] = field(default_factory=list)


class Supervisor:
    """Posts by name, and strays: processes that lost their post and run on, until they notice.

    Parameters
    ----------
    start
        Starts a process of a post's name and command.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        start: Callable[[str, Sequence[str]], Process],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._clock = clock
        self.posts: dict[str, Post] = {}
        self.strays: list[Process] = []
        self.stray_codes: list[int] = []

    def add(self, name: str, *command: str) -> Post:
        """Open a post and fill it."""
        post = Post(name, command, self._start(name, command), self._clock())
        self.posts[name] = post
        return post

    def remove(self, name: str) -> None:
        """Close a post; its process is told to end, and is a stray until it has."""
        process = self.posts.pop(name).process
        if process.poll() is None:
            process.terminate()
        self.strays.append(process)

    def replace(self, name: str) -> None:
        """Start another process at a post beside the one that is there, which becomes a stray."""
        post = self.posts[name]
        self.strays.append(post.process)
        post.process, post.since, post.again_at = self._start(name, post.command), self._clock(), None

    def look(self) -> None:
        """Fill the posts that are vacant and due, and take note of strays that ended."""
        for post in self.posts.values():
            code = post.process.poll()
            if code is not None:
                self._again(post, code)
        ended = [stray for stray in self.strays if stray.poll() is not None]
        self.stray_codes += [stray.returncode for stray in ended]
        self.strays = [stray for stray in self.strays if stray not in ended]

    def named(self, prefix: str) -> list[Process]:
        """Return the living processes of the posts whose names begin so."""
        found = (post.process for name, post in self.posts.items() if name.startswith(prefix))
        return [process for process in found if process.poll() is None]

    def stop(self) -> dict[str, int]:
        """End all in good order; return the exit codes of those at posts."""
        at_posts = {name: post.process for name, post in self.posts.items()}
        for process in (*at_posts.values(), *self.strays):
            if process.poll() is None:
                process.terminate()
        give_up = self._clock() + _STOP_SECONDS
        for process in (*at_posts.values(), *self.strays):
            try:
                process.wait(max(0.1, give_up - self._clock()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.posts.clear()
        self.strays.clear()
        return {name: process.returncode for name, process in at_posts.items()}

    def _again(self, post: Post, code: int) -> None:
        now = self._clock()
        if post.again_at is None:
            post.codes.append(code)
            soon = now - post.since < STEADY_SECONDS
            post.pause = min(2 * post.pause, LONGEST_PAUSE) if soon else FIRST_PAUSE
            post.again_at = now + post.pause
        elif now >= post.again_at:
            post.process, post.since, post.again_at = self._start(post.name, post.command), now, None
