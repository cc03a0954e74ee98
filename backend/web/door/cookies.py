"""The two cookies of the door: whose session it is, and the sign-in that is under way."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.datastructures import Headers
from starlette.responses import Response

from backend.domain.clock import Clock
from backend.domain.shape import load_json
from backend.identity.oidc import Flow
from backend.settings import Settings

#: How long a sign-in may take, in seconds.
FLOW_LIFE_S = 600
#: A browser forgets the session's cookie so much later than the session ends, in seconds: an open page comes
#: back with it, and is told that its session has ended.
LONGER_S = 24 * 3600


class DoorCookies:
    """Reads and writes both cookies. root: of all pages, without a slash at its end."""

    def __init__(self, settings: Settings, root: str, clock: Clock) -> None:
        self._secret = settings.secret_key.get_secret_value().encode()
        self._secure = settings.login_base_url.startswith("https:")
        self._life_s = round(settings.session_hours * 3600) + LONGER_S
        self._flow_path, self._clock = f"{root}/sign-in/back", clock
        #: With this prefix no other host, and nothing sent in the clear, can set it. Source: RFC 6265bis.
        self.session_name = "__Host-dailies" if self._secure else "dailies"
        self.flow_name = "__Secure-dailies-sign-in" if self._secure else "dailies-sign-in"

    def read_session(self, headers: Headers) -> str | None:
        """What the browser has; None: nothing, or several."""
        return self._read(headers, self.session_name)

    def write_session(self, response: Response, cookie: str) -> None:
        """The browser has it from now on."""
        self._write(response, self.session_name, cookie, "/", self._life_s)

    def delete_session(self, response: Response) -> None:
        """The browser forgets it."""
        self._write(response, self.session_name, "", "/", 0)

    def read_flow(self, headers: Headers) -> Flow | None:
        """The sign-in that this browser has begun, if it is whole and young enough."""
        body, _, mac = (self._read(headers, self.flow_name) or "").partition(".")
        if not hmac.compare_digest(self._mac(body).encode(), mac.encode("utf-8", "replace")):
            return None
        told = load_json(urlsafe_b64decode(body))
        return Flow(**told["flow"]) if self._now_s() < told["until"] else None

    def write_flow(self, response: Response, flow: Flow) -> None:
        """The browser has it for ten minutes, and sends it only when it comes back."""
        told = {"flow": vars(flow), "until": round(self._now_s()) + FLOW_LIFE_S}
        body = urlsafe_b64encode(json.dumps(told).encode()).decode()
        self._write(response, self.flow_name, f"{body}.{self._mac(body)}", self._flow_path, FLOW_LIFE_S)

    def delete_flow(self, response: Response) -> None:
        """The sign-in is over, whatever came of it."""
        self._write(response, self.flow_name, "", self._flow_path, 0)

    def _read(self, headers: Headers, name: str) -> str | None:
        found = [value for line in headers.getlist("cookie") for value in _values(line, name)]
        return found[0] if len(found) == 1 else None

    def _write(self, response: Response, name: str, value: str, path: str, life_s: int) -> None:
        response.set_cookie(
            name, value, max_age=life_s, path=path, secure=self._secure, httponly=True, samesite="lax"
        )

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _mac(self, body: str) -> str:
        said = f"sign-in|v1|{body}".encode("utf-8", "replace")
        return hmac.new(self._secret, said, hashlib.sha256).hexdigest()


def _values(line: str, name: str) -> list[str]:
    """Every value that a `Cookie` header has under this name: a name may come twice."""
    pairs = (pair.partition("=") for pair in line.split(";"))
    return [value.strip().strip('"') for key, _, value in pairs if key.strip() == name]
