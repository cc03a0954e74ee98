"""Sign-in by OpenID Connect: the code flow with PKCE, by Authlib over our own calls.

Sources: OpenID Connect Core 1.0, section 3.1; Discovery 1.0; RFC 7636 (PKCE), always with S256, announced or
not; RFC 9207 (`iss` in the answer).
"""

import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

from backend.addresses import is_loopback
from backend.domain.clock import Clock
from backend.domain.errors import DailiesError
from backend.domain.shape import load_json
from backend.http.outbound import Outbound
from backend.http.requests_session import mount_calls
from backend.identity.assertions import TokenRefused, read_token
from backend.identity.published import IssuerUnavailable, Published, published_keys
from backend.login_settings import LoginProvider

log = logging.getLogger(__name__)

#: The longest that a question to a provider may take, in seconds; somebody looks at a browser meanwhile.
ASK_S = 10.0
#: The largest answer of a provider.
ANSWER_MAX_BYTES = 1024 * 1024
#: Source: OpenID Connect Core 1.0, section 2, `sub`.
SUBJECT_MAX_CHARS = 255
#: What an ID token may leave out and the provider tells when it is asked for more.
_ALSO_TOLD = ("name", "email", "groups")
_WORD = re.compile(r"[a-z_]{1,40}")


class SignInRefused(DailiesError):
    """This sign-in comes to nothing. why: a word or two for the log; the message is for the person."""

    def __init__(self, message: str, *, why: str) -> None:
        self.why = why
        super().__init__(message)


@dataclass(frozen=True)
class Flow:
    """One sign-in under way. It lives in the person's browser alone, signed.

    provider: its name in the settings. next_page: where the person goes afterwards.
    """

    provider: str
    next_page: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))


class OidcClient:
    """One provider. Nothing is asked of it before somebody signs in. Safe to use from many threads.

    redirect_uri: where it sends people back to, the same for all providers.
    """

    def __init__(self, login: LoginProvider, redirect_uri: str, clock: Clock, outbound: Outbound) -> None:
        self._login, self._redirect_uri, self._clock, self._outbound = login, redirect_uri, clock, outbound
        base = login.issuer.rstrip("/")
        self._metadata = Published(
            lambda: f"{base}/.well-known/openid-configuration", self._read_metadata, clock, outbound
        )
        self._keys = published_keys(lambda: self._metadata.current()["jwks_uri"], clock, outbound)

    def authorization_url(self, flow: Flow) -> str:
        """Where the person signs in. Raises IssuerUnavailable: the provider can't be asked."""
        metadata = self._metadata.current()
        with self._session(metadata, flow) as session:
            url, _ = session.create_authorization_url(
                metadata["authorization_endpoint"],
                state=flow.state,
                code_verifier=flow.verifier,
                nonce=flow.nonce,
            )
        return str(url)

    def finish(self, flow: Flow, query: str) -> dict[str, Any]:
        """The claims of the person who comes back with this query.

        Raises:
            SignInRefused: the query, the code or the token is not believed, or the provider says no.
            IssuerUnavailable: the provider can't be asked.
        """
        said = {name: values[-1] for name, values in parse_qs(query).items()}
        if error := said.get("error"):
            raise _provider_said(error, self._login.title)
        is_ours = hmac.compare_digest(said.get("state", "").encode(), flow.state.encode())
        if not is_ours or not said.get("code"):
            raise SignInRefused(_AGAIN, why="no code, or another state")
        metadata = self._metadata.current()
        if said.get("iss", metadata["issuer"]) != metadata["issuer"]:
            raise SignInRefused(_AGAIN, why="the answer is another provider's")
        with self._session(metadata, flow) as session:
            token = self._fetch_token(session, metadata, flow, query)
            try:
                claims = read_token(
                    str(token.get("id_token")),
                    self._keys,
                    issuer=metadata["issuer"],
                    audience=self._login.client_id,
                    nonce=flow.nonce,
                    clock=self._clock,
                )
            except TokenRefused as problem:
                raise SignInRefused(_NOT_BELIEVED.format(self._login.title), why=problem.why) from problem
            self._must_be_ours(claims)
            return self._with_more(session, metadata, claims)

    def _session(self, metadata: Mapping[str, Any], flow: Flow) -> OAuth2Session:
        secret = self._login.client_secret.get_secret_value()
        ways = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        way = "client_secret_basic" if "client_secret_basic" in ways else "client_secret_post"
        session = OAuth2Session(
            self._login.client_id,
            secret or None,
            token_endpoint_auth_method=way if secret else "none",
            scope=self._login.scopes,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            state=flow.state,
        )
        mount_calls(session, self._outbound, deadline_s=ASK_S, max_bytes=ANSWER_MAX_BYTES)
        return session

    def _fetch_token(
        self, session: OAuth2Session, metadata: Mapping[str, Any], flow: Flow, query: str
    ) -> dict[str, Any]:
        try:
            token = session.fetch_token(
                metadata["token_endpoint"],
                authorization_response=f"{self._redirect_uri}?{query}",
                code_verifier=flow.verifier,
            )
        except AuthlibBaseError as error:
            word = str(error.error or "")
            raise SignInRefused(
                _AGAIN, why=word if _WORD.fullmatch(word) else type(error).__name__
            ) from error
        except (requests.RequestException, ValueError) as error:
            raise IssuerUnavailable(_explain(error)) from error
        if not isinstance(token.get("id_token"), str):
            raise SignInRefused(_NOT_BELIEVED.format(self._login.title), why="no id_token came")
        return dict(token)

    def _must_be_ours(self, claims: Mapping[str, Any]) -> None:
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        why = (
            "the token is another client's" if several and claims.get("azp") != self._login.client_id else ""
        )
        why = why or ("its sub is too long" if len(claims["sub"]) > SUBJECT_MAX_CHARS else "")
        if why:
            raise SignInRefused(_NOT_BELIEVED.format(self._login.title), why=why)

    def _with_more(
        self, session: OAuth2Session, metadata: Mapping[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """With what the ID token leaves out. That it can't be had stops nobody: rules say what they miss."""
        endpoint = metadata.get("userinfo_endpoint")
        if not endpoint or all(name in claims for name in _ALSO_TOLD):
            return claims
        try:
            answer = session.get(endpoint)
            more = load_json(answer.content) if answer.status_code == 200 else {}
        except (requests.RequestException, AuthlibBaseError, ValueError, RecursionError) as error:
            log.warning("a provider tells no more of somebody", extra={"why": type(error).__name__})
            return claims
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            return claims
        if claims.get("email", more.get("email")) != more.get("email"):
            more.pop("email_verified", None)  # it is said of another address
        return {**more, **claims}

    def _read_metadata(self, said: Any) -> dict[str, Any]:
        """Raises ValueError: it speaks for somebody else, or names addresses that are not safe."""
        if str(said["issuer"]).rstrip("/") != self._login.issuer.rstrip("/"):
            raise ValueError("another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _check_address(said[name])
        if said.get("userinfo_endpoint"):
            _check_address(said["userinfo_endpoint"])
        return dict(said)


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("not https")


def _provider_said(error: str, title: str) -> SignInRefused:
    """What the provider sends people back with, in its own word where that is one."""
    if error == "access_denied":
        return SignInRefused(f"{title} says that you did not let Dailies know who you are.", why=error)
    word = error if _WORD.fullmatch(error) else "an error"
    return SignInRefused(f"{title} did not sign you in and says: {word}.", why=word)


def _explain(error: Exception) -> str:
    """Without its address: what our own calls found, the status, or the error's name."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"it answers {error.response.status_code}"
    return str(error) if isinstance(error, requests.ConnectionError) else type(error).__name__


_AGAIN = "This sign-in was begun too long ago, or in another window, or its answer was altered."
_NOT_BELIEVED = "What {} says of you could not be verified."
