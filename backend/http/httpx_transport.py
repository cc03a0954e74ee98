"""Our calls for a client library that asks by httpx: the same policy, over connections that are kept."""

from typing import Any

import httpx
import requests

from backend.domain.shape import load_json
from backend.http.calls import Connections, HttpCall
from backend.http.outbound import Outbound
from backend.http.sockets import MIN_BYTES_PER_S

#: The largest answer to a question: a page of a catalogue with the schemas of many models.
QUESTION_MAX_BYTES = 32 * 1024 * 1024
#: The longest that a question may take, as a multiple of the longest silence, besides the time for its bytes.
DEADLINE_FACTOR = 3


class HttpxTransport(httpx.BaseTransport):
    """The same calls for what asks by httpx, over connections that are kept. For questions and uploads.

    outbound, connect_s, read_s: as of `HttpCall`.
    """

    def __init__(self, *, outbound: Outbound, connect_s: float, read_s: float) -> None:
        self._connect_s, self._read_s = connect_s, read_s
        self._outbound, self._connections = outbound, Connections(outbound)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make the call and read the answer to its end.

        Raises:
            ExplainedError, httpx.ConnectError, httpx.ReadError, httpx.ReadTimeout: no whole answer came.
            httpx.DecodingError: it is too large.
        """
        content = request.read()
        call = HttpCall(
            outbound=self._outbound,
            connect_s=self._connect_s,
            read_s=self._read_s,
            deadline_s=self._read_s * DEADLINE_FACTOR + len(content) / MIN_BYTES_PER_S,
            max_bytes=QUESTION_MAX_BYTES,
            connections=self._connections,
        )
        try:
            answer = call.send(request.method, str(request.url), data=content, headers=dict(request.headers))
        except (requests.RequestException, OSError, ValueError) as error:
            raise _as_httpx(call, error, request) from error
        if len(answer.body) > QUESTION_MAX_BYTES:
            raise httpx.DecodingError("the answer is too large", request=request)
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _ON_THE_WAY}
        return _Answer(answer.status, headers=headers, content=answer.body)

    def close(self) -> None:
        """No connection is left open."""
        self._connections.close()


class ExplainedError(httpx.ConnectError):
    """Nobody was reached, for a reason that is known. remedy: which setting is at fault, if one is."""

    remedy = ""


def name_error(error: Exception) -> str:
    """What went wrong, for a sentence: an explanation where there is one, else the error's name."""
    return str(error) if isinstance(error, ExplainedError) else type(error).__name__


def remedy_of(error: Exception) -> str:
    """Which setting is at fault, for whoever runs Dailies; "": nobody knows."""
    return error.remedy if isinstance(error, ExplainedError) else ""


class _Answer(httpx.Response):
    def json(self, **options: Any) -> Any:
        return load_json(self.content, **options)


#: Headers that say how an answer travelled, not what it is.
_ON_THE_WAY = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


def _as_httpx(call: HttpCall, error: Exception, request: httpx.Request) -> httpx.TransportError:
    if call.timed_out or isinstance(error, requests.Timeout):
        return httpx.ReadTimeout("no answer in time", request=request)
    if call.connected:
        return httpx.ReadError(type(error).__name__, request=request)
    why = call.explain_error(error)
    if why == type(error).__name__:
        return httpx.ConnectError(why, request=request)
    explained = ExplainedError(why, request=request)
    explained.remedy = call.find_remedy(error)
    return explained
