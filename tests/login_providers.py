"""Providers of logins on loopback: one whose every word is the test's, and the mock with its button."""

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from backend.domain.clock import Clock
from tests.loopback import Behaviour, Peer, Seen, answer, read_request


@cache  # one for all tests, by the first that wants it: to make one takes a while
def key(kid: str = "first") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid})


class Issuer(Peer):
    """A provider of OpenID Connect. What it says of people is up to the test.

    claims: over those of the usual token. signs: makes the token of its claims, in another way. told: further
    words of its discovery. more: what its userinfo says. token: answers a code in another way. away: all
    that it answers is 503.
    """

    def __init__(self) -> None:
        super().__init__(answer(404))
        self.claims: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.keys = [key()]
        self.signs: Any = None
        self.token: Behaviour | None = None
        self.clock, self.away = Clock(), False
        self.nonce = self.client_id = ""

    def connection(self, sock: Any) -> None:
        if seen := read_request(sock):
            self.seen.append(seen)
            self.go.wait()
            self._answer(seen)(sock)

    def _answer(self, seen: Seen) -> Behaviour:
        path = urlsplit(seen.path).path
        if self.away:
            return answer(503)
        if path == "/.well-known/openid-configuration":
            return _json(self._metadata())
        if path == "/jwks":
            return _json({"keys": [key.as_dict(private=False) for key in self.keys]})
        if path == "/userinfo":
            return _json(self.more)
        if path == "/token":
            return self.token or _json(
                {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token()}
            )
        return answer(404)

    def _metadata(self) -> dict[str, Any]:
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        made = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in ends.items()}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **made, **self.told}

    def id_token(self) -> str:
        now = int(self.clock.now().timestamp())
        usual = {
            "iss": self.url, "aud": self.client_id, "sub": "1", "nonce": self.nonce, "iat": now,
            "exp": now + 300,
            "email": "maya@example.com", "email_verified": True, "name": "Maya",
        }  # fmt: skip
        claims = {name: value for name, value in {**usual, **self.claims}.items() if value is not None}
        return (
            str(self.signs(claims))
            if self.signs
            else jwt.encode({"alg": "RS256", "kid": "first"}, claims, key())
        )

    def began(self, location: str) -> dict[str, str]:
        """What somebody is sent here with, noted as a provider does."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        self.nonce, self.client_id = asked["nonce"], asked["client_id"]
        return asked


def _json(value: Any) -> Behaviour:
    return answer(200, json.dumps(value).encode(), Content_Type="application/json")


#: The mock stands on what its own library means to give up; it says so at import and at every token.
MOCK_WARNS = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")


@contextmanager
def mock_provider(port: int, **people: dict[str, Any]) -> Iterator[str]:
    """The mock: a page with a button for each of these people, by their ids, who have these claims."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    import authlib.deprecate  # makes a rule of its own for its warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
        import oidc_provider_mock
    users = [oidc_provider_mock.User(sub=name, claims=claims) for name, claims in people.items()]
    with oidc_provider_mock.run_server_in_thread(port, require_nonce=True, user_claims=users):
        yield f"http://localhost:{port}"
