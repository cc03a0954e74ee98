"""Is this token what it says: signed by its issuer, for us, and of now? One judgement for every token.

Sources: RFC 7519, section 7.2; RFC 8725 (algorithms are chosen by us, never by the token); OpenID Connect
Core 1.0, section 3.1.3.7.
"""

from collections.abc import Sequence
from typing import Any, cast

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from backend.domain.access.claims import is_text
from backend.domain.clock import Clock
from backend.domain.errors import DailiesError
from backend.identity.published import Published

#: Signatures that are believed: by keys that come in pairs alone. With HS256 a public key would be a secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: So far may the clocks of two hosts be apart, in seconds.
LEEWAY_S = 30
#: No token of a provider or a proxy is longer.
MAX_CHARS = 64 * 1024


class TokenRefused(DailiesError):
    """The token is not believed. why: a word or two for the log, never a part of the token."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the token is not believed: {why}")


def read_token(
    token: str,
    keys: Published[KeySet],
    *,
    issuer: str,
    audience: str,
    clock: Clock,
    nonce: str | None = None,
    algorithms: Sequence[str] = ALGORITHMS,
) -> dict[str, Any]:
    """The claims of a token that is believed.

    A key that isn't known is looked for once more, at most once a minute. nonce: what it must hold.

    Raises:
        TokenRefused: it isn't, for whatever reason.
        IssuerUnavailable: there are no keys to judge it by.
    """
    if len(token) > MAX_CHARS:
        raise TokenRefused("it is too long")
    known = keys.current()
    try:
        try:
            claims = jwt.decode(token, known, algorithms=algorithms).claims
        except InvalidKeyIdError:
            newer = keys.newer_than(known)
            if newer is None:
                raise
            claims = jwt.decode(token, newer, algorithms=algorithms).claims
        _registry(issuer, audience, clock, nonce).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TokenRefused(_why(error)) from error
    if not is_text(claims["sub"]):  # databases would make it somebody else's, or nobody's
        raise TokenRefused("its sub is no text")
    return claims


def _registry(issuer: str, audience: str, clock: Clock, nonce: str | None) -> jwt.JWTClaimsRegistry:
    needed: jwt.ClaimsOption = {"essential": True}
    options = {"iss": _must(issuer), "aud": _must(audience), "exp": needed, "sub": needed}
    if nonce is not None:
        options["nonce"] = _must(nonce)
    now = int(clock.now().timestamp())
    return jwt.JWTClaimsRegistry(now=now, leeway=LEEWAY_S, **options)


def _must(value: str) -> jwt.ClaimsOption:
    return cast(jwt.ClaimsOption, {"essential": True, "value": value})


def _why(error: Exception) -> str:
    """`invalid_claim: iss`, `bad_signature`, `ValueError`."""
    word = str(getattr(error, "error", "") or type(error).__name__)
    claim = getattr(error, "claim", "")
    return f"{word}: {claim}" if claim else word
