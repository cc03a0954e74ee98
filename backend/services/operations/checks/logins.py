"""Can people sign in, and will somebody be an admin? What is set up is asked, and what can't work is said."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from backend.domain.access.role_decision import GOOGLE_ISSUERS
from backend.domain.access.role_rules import RoleRules, Who
from backend.domain.access.roles import Role
from backend.domain.errors import StoreUnavailable
from backend.domain.shape import load_json
from backend.http.calls import HttpCall
from backend.identity.proxies import CLOUDFLARE_KEYS, IAP_KEYS
from backend.identity.published import IssuerUnavailable, published_keys
from backend.login_settings import LoginProvider
from backend.services.deps import Deps
from backend.services.operations.readiness import HealthCheck
from backend.store.team import people
from backend.team_settings import LoginProxy

#: How long to wait for a provider, in seconds.
ASK_S = 10.0
#: What a provider must say of itself.
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
#: Who can try a shorter one often enough, finds it.
GOOD_SECRET_CHARS = 16
#: How the audience of Google's proxy begins.
IAP_AUDIENCE = "/projects/"


def check_logins(deps: Deps) -> list[HealthCheck]:
    """Every check of logins and of the rules for roles; the database is there."""
    settings = deps.settings
    if not settings.has_logins:
        says = f"None are set up: whoever reaches the dashboard is {settings.local_name}, an admin."
        return [HealthCheck("logins", True, says), *_contradictions(settings.role_rules)]
    return [
        *(_provider(deps, one) for one in settings.login_provider_settings.values()),
        *_proxy(deps),
        *_base(settings.login_base_url),
        *_contradictions(settings.role_rules),
        *_in_vain(deps),
        _admins(deps),
    ]


def _provider(deps: Deps, login: LoginProvider) -> HealthCheck:
    """Does it answer, for itself, with keys?"""
    name, setting = f"login {login.name}", f"LOGIN_{login.name.upper()}_ISSUER"
    try:
        said = _discover(deps, login)
        missing = [word for word in NEEDED if not isinstance(said.get(word), str)]
        if missing:
            return HealthCheck(name, False, f"{login.issuer} doesn't say its {', '.join(missing)}.")
        if str(said.get("issuer")).rstrip("/") != login.issuer.rstrip("/"):
            says = f"It calls itself {said.get('issuer')!r}, and {setting} says {login.issuer!r}:"
            return HealthCheck(name, False, f"{says} set it to what the provider says.")
        keys = published_keys(lambda: str(said["jwks_uri"]), deps.clock, deps.settings.outbound)
        found = len(keys.current().keys)
    except IssuerUnavailable as problem:
        says = f"{login.issuer} can't be asked ({problem.why}): nobody can sign in by it now."
        return HealthCheck(name, False, says, f"Check the network and {setting}.")
    return HealthCheck(name, True, f"{login.issuer} answers, with keys: {found}.")


def _discover(deps: Deps, login: LoginProvider) -> dict[str, object]:
    """What it says of itself. Raises IssuerUnavailable: nothing that can be read."""
    call = HttpCall(outbound=deps.settings.outbound, connect_s=ASK_S, read_s=ASK_S, deadline_s=ASK_S)
    try:
        answer = call.send("GET", f"{login.issuer.rstrip('/')}/.well-known/openid-configuration")
        said = load_json(answer.body) if answer.status == 200 else None
    except (requests.RequestException, OSError) as error:
        raise IssuerUnavailable(call.explain_error(error)) from error
    except ValueError as error:
        raise IssuerUnavailable("its answer is no JSON") from error
    if not isinstance(said, dict):
        raise IssuerUnavailable(f"it answers {answer.status}")
    return said


def _proxy(deps: Deps) -> Iterator[HealthCheck]:
    settings = deps.settings
    if settings.login_proxy is LoginProxy.HEADER:
        says = f"Whoever has the proxy's secret says by {settings.login_proxy_header} who comes."
        short = len(settings.login_proxy_secret.get_secret_value()) < GOOD_SECRET_CHARS
        if short:
            says += (
                f" It is short: use {GOOD_SECRET_CHARS} characters or more, as openssl rand -hex 24 makes."
            )
        yield HealthCheck("login proxy", True, says, is_amber=short)
    elif settings.login_proxy:
        cloudflare = settings.login_proxy is LoginProxy.CLOUDFLARE
        url = CLOUDFLARE_KEYS.format(issuer=settings.login_proxy_issuer) if cloudflare else IAP_KEYS
        try:
            found = len(published_keys(lambda: url, deps.clock, settings.outbound).current().keys)
        except IssuerUnavailable as problem:
            says = (
                f"The keys of {settings.login_proxy} at {url} can't be had ({problem.why}): nobody gets in."
            )
            yield HealthCheck("login proxy", False, says, "Check the network and LOGIN_PROXY_ISSUER.")
        else:
            yield HealthCheck("login proxy", True, f"{url} answers, with keys: {found}.")
        if not cloudflare and not settings.login_proxy_audience.startswith(IAP_AUDIENCE):
            says = f"LOGIN_PROXY_AUDIENCE doesn't begin with {IAP_AUDIENCE}, as those of Google's proxy do."
            yield HealthCheck("login proxy", False, says)


def _base(url: str) -> Iterator[HealthCheck]:
    if urlsplit(url).scheme == "http":
        says = f"LOGIN_BASE_URL is {url}: only people at this machine can sign in. Others need https."
        yield HealthCheck("login address", True, says, is_amber=True)


def _contradictions(rules: RoleRules) -> Iterator[HealthCheck]:
    for first, later in rules.contradictions:
        says = (
            f"LOGIN_ROLES: {later.written} is {later.role} by {later.place}, and {first.role} by "
            f"{first.place} ({first.written}). The first wins; take the other one out."
        )
        yield HealthCheck("login rules", True, says, is_amber=True)


def _in_vain(deps: Deps) -> Iterator[HealthCheck]:
    """Rules that go by what a provider, or the proxy, never says."""
    settings = deps.settings
    asked = {rule.who for rule in settings.role_rules.rules}
    silent = [one.title for one in settings.login_provider_settings.values() if one.issuer in GOOGLE_ISSUERS]
    silent += [f"LOGIN_PROXY={settings.login_proxy}"] if settings.login_proxy else []
    if Who.GROUP in asked and silent:
        says = (
            f"{' and '.join(silent)} never says which groups somebody is in: rules by group don't fit then."
        )
        yield HealthCheck("login rules", True, says, is_amber=True)
    for login in settings.login_provider_settings.values():
        unverified = "login.microsoftonline.com" in login.issuer and not login.trust_email
        if unverified and asked & {Who.ADDRESS, Who.DOMAIN}:
            says = (
                f"{login.title} never says that an address is verified: rules by address don't fit for it, "
                f"unless LOGIN_{login.name.upper()}_TRUST_EMAIL=1 says that yours can be trusted."
            )
            yield HealthCheck("login rules", True, says, is_amber=True)


def _admins(deps: Deps) -> HealthCheck:
    """Somebody must be able to give roles to others."""
    if deps.settings.role_rules.can_make(Role.ADMIN):
        return HealthCheck("login admins", True, "LOGIN_ROLES makes admins.")
    try:
        with deps.store.read() as session:
            there = people.has_admin(session)
    except StoreUnavailable as error:
        return HealthCheck("login admins", False, str(error))
    if there:
        return HealthCheck("login admins", True, "A person is admin by their row; no rule makes one.")
    says = "No rule of LOGIN_ROLES makes an admin, and no person is one: nobody could give roles to others."
    return HealthCheck("login admins", False, says, "Begin LOGIN_ROLES with admin: and your own address.")
