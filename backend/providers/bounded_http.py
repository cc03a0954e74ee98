"""Questions by httpx, which anybody may answer with too much, or too slowly: both have an end.

httpx limits only the silence between two reads, and keeps whatever comes. Here an answer has a largest
size and a last moment, whatever the server is at. No proxies, no redirects, no retries.
"""

import time
from collections.abc import Iterator, Mapping

import httpx

#: The largest answer to a question: a page of a catalogue with the schemas of many models.
ANSWER_MAX_BYTES = 32 * 1024 * 1024
#: The largest compressed one: it may be a thousand times as large when it is unpacked.
COMPRESSED_MAX_BYTES = 256 * 1024
#: The longest that a whole answer may take, as a multiple of the longest silence.
DEADLINE_FACTOR = 3


def make_client(headers: Mapping[str, str], *, connect_s: float, read_s: float) -> httpx.Client:
    """A client for questions. connect_s, ask_s: the longest silence while connecting and reading."""
    return httpx.Client(
        headers={"Accept-Encoding": "identity", **headers},
        timeout=httpx.Timeout(read_s, connect=connect_s),
        transport=_Bounded(deadline_s=read_s * DEADLINE_FACTOR),
        trust_env=False,
    )


class _Bounded(httpx.BaseTransport):
    """The usual transport; its answers come to an end."""

    def __init__(self, *, deadline_s: float) -> None:
        self._inner = httpx.HTTPTransport(trust_env=False)
        self._deadline_s = deadline_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        until_s = time.monotonic() + self._deadline_s
        response = self._inner.handle_request(request)
        packed = response.headers.get("Content-Encoding", "identity") != "identity"
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Stream(
            response.stream, until_s=until_s, most=COMPRESSED_MAX_BYTES if packed else ANSWER_MAX_BYTES
        )
        return response

    def close(self) -> None:
        self._inner.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, *, until_s: float, most: int) -> None:
        self._inner, self._until_s, self._most = inner, until_s, most

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._inner:
            size += len(chunk)
            if size > self._most:
                raise httpx.ReadError("the answer is too large")
            if time.monotonic() > self._until_s:
                raise httpx.ReadTimeout("the answer takes too long")
            yield chunk

    def close(self) -> None:
        self._inner.close()
