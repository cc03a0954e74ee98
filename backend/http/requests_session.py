"""Our calls for a client library that asks by a session of requests: the same policy for each of them."""

import io
from typing import Any

import requests
from requests.adapters import BaseAdapter

from backend.http.calls import HttpCall
from backend.http.outbound import Outbound


class CallAdapter(BaseAdapter):
    """Makes each request of a session by a call of its own.

    outbound: whom it trusts, and which way it goes. deadline_s: the longest that one may take. max_bytes: of
    an answer.
    """

    def __init__(self, outbound: Outbound, *, deadline_s: float, max_bytes: int) -> None:
        super().__init__()
        self._outbound, self._deadline_s, self._max_bytes = outbound, deadline_s, max_bytes

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Make the call and read the answer to its end.

        Raises:
            requests.RequestException: no whole answer came; the message says why, and never repeats the URL.
        """
        call = HttpCall(
            outbound=self._outbound,
            connect_s=self._deadline_s,
            read_s=self._deadline_s,
            deadline_s=self._deadline_s,
            max_bytes=self._max_bytes,
        )
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
        try:
            answer = call.send(request.method or "GET", request.url or "", data=request.body, headers=headers)
        except (requests.RequestException, OSError, ValueError) as error:
            raise requests.ConnectionError(call.explain_error(error)) from error
        if len(answer.body) > self._max_bytes:
            raise requests.ConnectionError("the answer is too large")
        made = requests.Response()
        made.status_code, made.url, made.request = answer.status, request.url or "", request
        made.headers.update(answer.headers)
        made.raw = io.BytesIO(answer.body)
        made.encoding = "utf-8"
        return made

    def close(self) -> None:
        """Nothing is kept open."""


def mount_calls(session: requests.Session, outbound: Outbound, *, deadline_s: float, max_bytes: int) -> None:
    """From now on this session asks by our calls, follows no redirect and reads no environment."""
    adapter = CallAdapter(outbound, deadline_s=deadline_s, max_bytes=max_bytes)
    session.trust_env = False
    session.max_redirects = 0
    session.mount("http://", adapter)
    session.mount("https://", adapter)
