"""Who a proxy in front says that comes, believed only with its proof: a shared secret, or a signature.

The address of whoever connects proves nothing: everything on this machine is loopback, and servers put
`X-Forwarded-For` in its place. A header that came twice is nobody's: one of the two is the browser's own.

Sources: oauth2-proxy, "Configuration" (`X-Forwarded-Email`); Cloudflare, "Validate JWTs" and "Application
token"; Google Cloud, "Securing your app with signed headers".
"""

import hmac
import re
from dataclasses import replace
from typing import Any

from starlette.datastructures import Headers

from backend.domain.access.claims import read_identity
from backend.domain.access.identity import Identity
from backend.domain.access.role_rules import fold_address
from backend.domain.clock import Clock
from backend.domain.errors import DailiesError
from backend.identity.assertions import TokenRefused, read_token
from backend.identity.published import published_keys
from backend.settings import Settings
from backend.team_settings import LoginProxy

#: Where the shared secret stands. Nobody behind the door sees it.
PROOF_HEADER = "x-dailies-proxy"
#: The issuer of whoever a header names.
HEADER_ISSUER = "proxy:header"
#: Signed assertions: (their header, the algorithm of their keys, where those are).
CLOUDFLARE_HEADER, CLOUDFLARE_KEYS = "cf-access-jwt-assertion", "{issuer}/cdn-cgi/access/certs"
IAP_HEADER, IAP_KEYS = "x-goog-iap-jwt-assertion", "https://www.gstatic.com/iap/verify/public_key-jwk"
#: An assertion that was believed is not verified again for so long, in seconds: a page asks for a hundred
#: things with the same one. So many are kept.
BELIEVED_S, BELIEVED_MAX = 60.0, 2000
#: An assertion of IAP lives ten minutes, and two clocks may be half a minute apart, at both its ends.
IAP_LIFE_S = 600 + 2 * 30

#: Where each forgets somebody: oauth2-proxy, Cloudflare Access, Google's proxy, by their documents.
SIGN_OUT = {
    LoginProxy.HEADER: "/oauth2/sign_out?rd=/",
    LoginProxy.CLOUDFLARE: "/cdn-cgi/access/logout",
    LoginProxy.IAP: "/?gcp-iap-mode=CLEAR_LOGIN_COOKIE",
}

#: One address or name: where a header came twice, some put a comma between the two.
_ONE_NAME = re.compile(r"[^\s,;<>\"\x00-\x1f\x7f]{1,254}")


class ProxyRefused(DailiesError):
    """What stands in the headers is not believed. why: a word or two for the log, never a part of it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"what the proxy says is not believed: {why}")


class SharedSecretProxy:
    """A header names somebody, and a second one holds the secret that only the proxy knows."""

    def __init__(self, header: str, secret: str) -> None:
        self._header, self._secret = header, secret.encode()

    def identify(self, headers: Headers) -> Identity | None:
        """Who comes; None: nobody is named. Raises ProxyRefused: it isn't the proxy that says so."""
        said, proof = headers.getlist(self._header), headers.getlist(PROOF_HEADER)
        if not any(said):
            return None
        if len(said) != 1 or len(proof) != 1:
            raise ProxyRefused(f"{len(said)} names, {len(proof)} proofs; there must be one of each")
        if not hmac.compare_digest(proof[0].encode("utf-8", "replace"), self._secret):
            raise ProxyRefused("its secret is another one than LOGIN_PROXY_SECRET")
        name = _one_name(said[0])
        email = name if "@" in name else None
        return Identity(HEADER_ISSUER, name, name=name, email=email, email_verified=email is not None)


class SignedProxy:
    """A header holds an assertion, signed with a key that its issuer publishes."""

    def __init__(
        self, settings: Settings, clock: Clock, *, header: str, algorithm: str, keys_url: str
    ) -> None:
        self._issuer, self._audience = settings.login_proxy_issuer, settings.login_proxy_audience
        self._header, self._algorithm, self._clock = header, algorithm, clock
        self._keys = published_keys(lambda: keys_url, clock, settings.outbound)
        self._believed: dict[str, tuple[float, Identity]] = {}  #: (until when, who), by the assertion

    def identify(self, headers: Headers) -> Identity | None:
        """Who comes; None: there is no assertion.

        Raises:
            ProxyRefused: it is not believed.
            IssuerUnavailable: there are no keys to judge it by.
        """
        said = headers.getlist(self._header)
        if not said:
            return None
        if len(said) != 1:
            raise ProxyRefused(f"{len(said)} assertions; there must be one")
        now = self._clock.now().timestamp()
        until, identity = self._believed.get(said[0], (0.0, None))
        if identity is not None and until - BELIEVED_S <= now < until:
            return identity
        claims = self._read_claims(said[0])
        # The proxy has judged the address before it let anybody in.
        identity = read_identity(claims, trust_email=True)
        identity = replace(identity, name=identity.name or identity.email)
        if len(self._believed) >= BELIEVED_MAX:
            self._believed.clear()
        self._believed[said[0]] = min(now + BELIEVED_S, claims["exp"]), identity
        return identity

    def _read_claims(self, assertion: str) -> dict[str, Any]:
        try:
            claims = read_token(
                assertion,
                self._keys,
                issuer=self._issuer,
                audience=self._audience,
                clock=self._clock,
                algorithms=(self._algorithm,),
            )
        except TokenRefused as problem:
            raise ProxyRefused(problem.why) from problem
        if self._header == IAP_HEADER and not _is_short(claims.get("iat"), claims["exp"]):
            raise ProxyRefused("it is to live longer than assertions do")
        return claims


Proxy = SharedSecretProxy | SignedProxy


def make_proxy(settings: Settings, clock: Clock, *, iap_keys: str = IAP_KEYS) -> Proxy | None:
    """Whoever is asked who comes; None: no proxy is set up. Nothing is fetched yet.

    iap_keys: where the keys of Google's proxy are.
    """
    match settings.login_proxy:
        case LoginProxy.HEADER:
            return SharedSecretProxy(
                settings.login_proxy_header, settings.login_proxy_secret.get_secret_value()
            )
        case LoginProxy.CLOUDFLARE:
            url = CLOUDFLARE_KEYS.format(issuer=settings.login_proxy_issuer)
            return SignedProxy(settings, clock, header=CLOUDFLARE_HEADER, algorithm="RS256", keys_url=url)
        case LoginProxy.IAP:
            return SignedProxy(settings, clock, header=IAP_HEADER, algorithm="ES256", keys_url=iap_keys)
        case None:
            return None


def _one_name(text: str) -> str:
    """The name in lower case. Headers are bytes, which arrive as if they were Latin-1."""
    try:
        name = text.encode("latin-1").decode()
    except UnicodeError:
        raise ProxyRefused("the name is no UTF-8 text") from None
    if not _ONE_NAME.fullmatch(name):
        raise ProxyRefused("it is not one name")
    return fold_address(name)


def _is_short(issued_at: Any, expires_at: Any) -> bool:
    return isinstance(issued_at, int | float) and bool(expires_at - issued_at <= IAP_LIFE_S)
