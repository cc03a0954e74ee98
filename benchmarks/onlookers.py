"""Open pages in great numbers: WebSockets that say hello and then only listen, all in one event loop."""

import asyncio
import base64
import json
import os
import struct
import time
from collections.abc import Sequence
from typing import Any


class Page:
    """One of them. heard: when each message came (seconds since 1970), and how long it was."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.heard: list[tuple[float, int]] = []

    @classmethod
    async def connect(cls, port: int, cookie: str = "") -> "Page":
        """A page that is listened to. cookie: of whoever is signed in."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        host, key = f"127.0.0.1:{port}", base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /live HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Origin: http://{host}",
            *([f"Cookie: dailies={cookie}"] if cookie else []),
        ]  # fmt: skip
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise RuntimeError(answer.decode())
        return cls(reader, writer)

    def say_hello(self, since: int, ids: Sequence[str]) -> None:
        """What a page says first."""
        text = json.dumps({"since": since, "ids": list(ids)}).encode()
        self._send(1, text)

    async def listen(self) -> None:
        """Hear everything, and answer pings, until the line ends."""
        while True:
            first, second = await self._reader.readexactly(2)
            size = second & 127
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            body = await self._reader.readexactly(size)
            if first & 15 == 9:
                self._send(10, body)
            elif first & 15 == 1:
                self.heard.append((time.time(), size))
            elif first & 15 == 8:
                raise RuntimeError(f"hung up: {body!r}")

    def close(self) -> None:
        """The page is gone."""
        self._writer.close()

    def _send(self, kind: int, body: bytes) -> None:
        """A frame of a client's: masked, here with nothing, which is allowed and costs nothing."""
        size = len(body)
        head = struct.pack("!BB", 128 | kind, 128 | size) if size < 126 else None
        head = head or struct.pack("!BBH", 128 | kind, 128 | 126, size)
        self._writer.write(head + b"\0\0\0\0" + body)


async def open_pages(port: int, cookies: Sequence[str], since: int, ids: Sequence[str]) -> list[Page]:
    """So many pages as there are cookies, each of which has been answered."""
    pages = [await Page.connect(port, cookie) for cookie in cookies]
    for page in pages:
        page.say_hello(since, ids)
    listening = [asyncio.ensure_future(page.listen()) for page in pages]
    while not all(page.heard for page in pages):
        done: Any = next((task for task in listening if task.done()), None)
        if done is not None:
            done.result()
        await asyncio.sleep(0.05)
    return pages
