"""A proxy in front says who comes: believed with its proof alone; a header that came twice is nobody's."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.datastructures import Headers

from backend.domain.access.identity import Identity
from backend.domain.access.role_decision import decide
from backend.domain.access.role_rules import parse_rules
from backend.domain.access.roles import Role
from backend.identity.proxies import ProxyRefused, make_proxy
from backend.identity.published import UNKNOWN_KEY_S, IssuerUnavailable
from backend.settings import Settings
from tests.signing import FakeClock, Publisher

SECRET = "the-secret-of-the-proxy"
AUDIENCE = "/projects/1/apps/dailies"
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


@cache  # to make one takes a while: by the first test that wants it
def rsa(kid: str = "rsa") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode()) for name, value in pairs])


def said(name: str, proof: str = SECRET) -> list[tuple[str, str]]:
    return [("X-Forwarded-Email", name), ("X-Dailies-Proxy", proof)]


# -- a header and a shared secret -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "who"),
    [
        (said("Ana@Example.com"), "ana@example.com"),
        (said("jörg@example.com"), "jörg@example.com"),
        (said("\N{KELVIN SIGN}im@example.com"), "\N{KELVIN SIGN}im@example.com"),
        ([("x-forwarded-EMAIL", "ana@example.com"), ("X-DAILIES-proxy", SECRET)], "ana@example.com"),
        ([], None),
        ([("X-Dailies-Proxy", SECRET)], None),
        (said(""), None),
        ([("X_Forwarded_Email", "ana@example.com"), ("X-Dailies-Proxy", SECRET)], None),
        (said("ana@example.com")[:1], ProxyRefused),
        (said("ana@example.com", "another-secret-of-it"), ProxyRefused),
        (said("ana@example.com", f"{SECRET} "), ProxyRefused),
        (said("ana@example.com", ""), ProxyRefused),
        (said("ana@example.com", "ü"), ProxyRefused),
        ([*said("eve@example.com"), ("X-Forwarded-Email", "ana@example.com")], ProxyRefused),
        ([("X-Forwarded-Email", ""), *said("ana@example.com")], ProxyRefused),
        ([*said("ana@example.com"), ("X-Dailies-Proxy", SECRET)], ProxyRefused),
        ([*said("ana@example.com"), ("X-Dailies-Proxy", "guessed-and-appended")], ProxyRefused),
        (said("eve@example.com,ana@example.com"), ProxyRefused),
        (said("eve@example.com ana@example.com"), ProxyRefused),
        (said("a" * 300), ProxyRefused),
    ],
)
def test_a_header_is_believed_only_once_and_with_the_secret_once(sent, who):
    proxy = make_proxy(Settings(login_proxy="header", login_proxy_secret=SECRET), FakeClock())

    assert outcome(lambda: proxy.identify(headers(*sent))) == who


def test_who_a_header_names_gets_a_role_by_address_as_anybody_and_another_header_may_be_named():
    settings = Settings(login_proxy="header", login_proxy_secret=SECRET, login_proxy_header="Remote-User")
    proxy, rules = make_proxy(settings, FakeClock()), parse_rules("creator: @example.com")
    for name, role in (("Kim@Example.com", Role.CREATOR), ("kim", None)):
        identity = proxy.identify(headers(("Remote-User", name), ("X-Dailies-Proxy", SECRET)))
        assert decide(identity, rules).role is role
        assert (identity.issuer, identity.subject) == ("proxy:header", name.lower())
        assert identity.groups is None
    assert proxy.identify(headers(*said("ana@example.com"))) is None


def test_without_a_proxy_nobody_is_asked():
    assert make_proxy(Settings(), FakeClock()) is None


# -- a signed assertion -----------------------------------------------------------------------------


class Signed:
    """One kind of proxy, its keys on loopback, and a clock that a test moves."""

    def __init__(self, kind: str) -> None:
        self.clock, self.publisher, self.kind = FakeClock(), Publisher(), kind
        self.key = rsa() if kind == "cloudflare" else EC
        self.header = "Cf-Access-Jwt-Assertion" if kind == "cloudflare" else "X-Goog-Iap-Jwt-Assertion"
        given: dict[str, Any] = {"login_proxy": kind, "login_proxy_audience": AUDIENCE}
        if kind == "cloudflare":
            given["login_proxy_issuer"] = self.publisher.base
        self.settings = Settings(**given)
        self.publish(rsa(), EC)
        self.proxy = make_proxy(self.settings, self.clock, iap_keys=self.publisher.url)

    def publish(self, *keys: Any) -> None:
        self.publisher.body = json.dumps(KeySet(keys).as_dict(private=False)).encode()

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        usual = {
            "iss": self.settings.login_proxy_issuer, "aud": AUDIENCE, "sub": "7335", "iat": now,
            "exp": now + 600, "email": "Ana@Example.com", "hd": "example.com",
        }  # fmt: skip
        return {name: value for name, value in {**usual, **changed}.items() if value is not None}

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        key = key or self.key
        algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
        return jwt.encode({"alg": algorithm, "kid": key.kid, **(header or {})}, self.claims(**changed), key)

    def ask(self, *tokens: str) -> Identity | None:
        return self.proxy.identify(headers(*((self.header, token) for token in tokens)))


@pytest.fixture(scope="module")
def both() -> Iterator[list[Signed]]:
    kinds = [Signed("cloudflare"), Signed("iap")]
    yield kinds
    for one in kinds:
        one.publisher.close()


def outcome(ask: Callable[[], Identity | None]) -> Any:
    """Who it is, or the kind of error."""
    try:
        identity = ask()
    except (ProxyRefused, IssuerUnavailable) as refused:
        return type(refused)
    return identity and (identity.email or identity.subject).replace("Ana@Example", "ana@example")


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def by_hand(one: Signed, algorithm: str, sign: Callable[[bytes], bytes]) -> str:
    parts = ({"alg": algorithm, "kid": one.key.kid}, one.claims())
    text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{text}.{encoded(sign(text.encode()))}"


def by_public_key(one: Signed) -> str:
    """Signed with the published key as if that were a secret."""
    secret = one.key.as_pem(private=False)
    return by_hand(one, "HS256", lambda text: hmac.new(secret, text, "sha256").digest())


REFUSED: dict[str, Callable[[Signed], list[str]]] = {
    "expired": lambda one: [one.token(exp=int(one.clock.now().timestamp()) - 31)],
    "no end": lambda one: [one.token(exp=None)],
    "another audience": lambda one: [one.token(aud="/projects/2/apps/dailies")],
    "no audience": lambda one: [one.token(aud=None)],
    "another issuer": lambda one: [one.token(iss="https://evil.cloudflareaccess.com")],
    "no subject": lambda one: [one.token(sub=None)],
    "an empty subject": lambda one: [one.token(sub="")],
    "of tomorrow": lambda one: [one.token(iat=int(one.clock.now().timestamp()) + 86400)],
    "not yet": lambda one: [one.token(nbf=int(one.clock.now().timestamp()) + 31)],
    "altered": lambda one: [_altered(one.token())],
    "another key under its name": lambda one: [one.token(rsa("other"), {"kid": "rsa"})],
    "an unknown key": lambda one: [one.token(rsa("other"))],
    "the other algorithm": lambda one: [one.token(EC if one.key is rsa() else rsa())],
    "no algorithm": lambda one: [by_hand(one, "none", lambda _: b"")],
    "the public key as a secret": lambda one: [by_public_key(one)],
    "garbage": lambda one: ["a.b.c"],
    "nothing": lambda one: [""],
    "too long": lambda one: ["a" * 70_000],
    "twice": lambda one: [one.token(), one.token()],
}


def _altered(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(f"{body}=="))
    claims["email"] = "eve@example.com"
    return f"{head}.{encoded(json.dumps(claims).encode())}.{signature}"


@pytest.mark.parametrize("why", REFUSED)
def test_an_assertion_that_is_not_of_the_proxy_for_us_and_of_now_names_nobody(both, why):
    for one in both:
        one.clock.pass_s(UNKNOWN_KEY_S)
        assert outcome(lambda one=one: one.ask(*REFUSED[why](one))) == ProxyRefused, one.kind
        assert outcome(lambda one=one: one.ask(one.token())) == "ana@example.com", one.kind


def test_an_assertion_says_who_comes_and_its_absence_nobody(both):
    for one in both:
        identity = one.ask(one.token(aud=[AUDIENCE]))
        assert (identity.issuer, identity.subject) == (one.settings.login_proxy_issuer, "7335")
        assert (identity.name, identity.email_verified) == ("Ana@Example.com", True)
        assert one.ask() is None
        assert one.proxy.identify(headers(*said("ana@example.com"))) is None
        assert one.proxy.identify(headers(("X-Goog-Authenticated-User-Email", "a:ana@example.com"))) is None


def test_an_assertion_of_googles_proxy_lives_ten_minutes_and_says_the_domain_itself(both):
    iap, now = both[1], int(both[1].clock.now().timestamp())
    assert outcome(lambda: iap.ask(iap.token(exp=now + 3600))) == ProxyRefused
    assert outcome(lambda: iap.ask(iap.token(iat=None))) == ProxyRefused
    rules = parse_rules("creator: @example.com")
    assert decide(iap.ask(iap.token()), rules).role is Role.CREATOR
    assert decide(iap.ask(iap.token(hd=None)), rules).role is None


def test_an_assertion_that_was_believed_a_moment_ago_still_ends(both):
    for one in both:
        token = one.token(exp=int(one.clock.now().timestamp()) + 20)
        assert outcome(lambda one=one, token=token: one.ask(token)) == "ana@example.com"
        one.clock.pass_s(51)
        assert outcome(lambda one=one, token=token: one.ask(token)) == ProxyRefused


def test_a_new_key_is_taken_in_and_unknown_ones_are_asked_for_once_a_minute():
    one = Signed("cloudflare")
    try:
        assert one.ask(one.token())
        one.publish(rsa("other"))
        assert one.ask(one.token(rsa("other"))).email == "Ana@Example.com"
        asked = len(one.publisher.asked)
        for number in range(20):
            assert outcome(lambda n=number: one.ask(one.token(rsa(), sub=str(n)))) == ProxyRefused
        assert len(one.publisher.asked) == asked == 2
        assert set(one.publisher.asked) == {"/cdn-cgi/access/certs"}
    finally:
        one.publisher.close()


def test_while_the_keys_can_not_be_had_nobody_is_judged_and_known_keys_go_on():
    one = Signed("iap")
    try:
        one.publisher.status = 503
        assert outcome(lambda: one.ask(one.token())) == IssuerUnavailable
        one.publisher.status = 200
        one.clock.pass_s(3)
        assert outcome(lambda: one.ask(one.token())) == "ana@example.com"
        one.publisher.status = 503
        one.clock.pass_s(7200)
        assert outcome(lambda: one.ask(one.token())) == "ana@example.com"
    finally:
        one.publisher.close()
