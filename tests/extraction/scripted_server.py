"""A server on the loopback that answers each request as its script says, and remembers what it was asked."""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Reply:
    """One answer; `how` reset closes the connection unanswered, hang says nothing."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    how: Literal["answer", "reset", "hang"] = "answer"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def completion(content: str, *, finish: str = "stop", usage: dict[str, Any] | None = None) -> Reply:
    """Return a chat completion with this content."""
    body: dict[str, Any] = {"choices": [{"message": {"content": content}, "finish_reason": finish}]}
    if usage is not None:
        body["usage"] = usage
    return Reply(body=json.dumps(body))


def refusal(status: int, message: str = "no", param: str | None = None, code: str | None = None) -> Reply:
    """Return an error as OpenAI words it."""
    return Reply(status, json.dumps({"error": {"message": message, "param": param, "code": code}}))


class ScriptedServer:
    """Serves the replies in turn, the last one for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[Asked] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked.append(Asked(first.split()[1], headers, json.loads(body)))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.how == "hang":
            await reader.read()  # until the client gives up
        elif reply.how == "answer":
            given = {"content-type": "application/json", "connection": "close"} | reply.headers
            content = reply.body.encode()
            lines = [f"HTTP/1.1 {reply.status} Scripted", f"content-length: {len(content)}"]
            lines += [f"{name}: {value}" for name, value in given.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            await writer.drain()
        writer.close()
