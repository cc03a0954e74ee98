"""Who calls the API: the token that a call brings, how often it may, and when it was last used."""

from functools import partial

from flask import Response, after_this_request, request

from backend.domain.access.origin import Origin, Via
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.team import tokens
from backend.web.rates import TokenRates


class Callers:
    """The door of the API."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._rates = TokenRates(deps.settings, deps.clock)

    def admit_caller(self, *, is_start: bool) -> Viewer:
        """Who sent this request. That it was used is written down once the answer has left.

        Raises:
            NotAllowed: 401; there is no token, or it opens nothing. TooManyCalls.
        """
        origin = Origin(Via.API, address=request.remote_addr)
        caller = tokens.authenticate_token(self._deps, request.headers.get("Authorization"), origin)
        self._rates.count_call(caller.token_id, is_start=is_start)
        if caller.use_is_news:
            after_this_request(partial(self._note_when_sent, caller.token_id))
        return caller.viewer

    def _note_when_sent(self, token_id: str, response: Response) -> Response:
        response.call_on_close(partial(tokens.note_use, self._deps, token_id))
        return response
