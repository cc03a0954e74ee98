"""Which role a person has now, where they aren't here themselves: for their tokens, and for admins."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.domain.access.claims import read_identity
from backend.domain.access.identity import Identity
from backend.domain.access.role_decision import Decision, decide
from backend.domain.access.roles import Role
from backend.identity.proxies import HEADER_ISSUER
from backend.settings import Settings
from backend.team_settings import LoginProxy


def _proxy_issuer(settings: Settings) -> str | None:
    """The issuer of whoever comes by the proxy of now."""
    return HEADER_ISSUER if settings.login_proxy is LoginProxy.HEADER else settings.login_proxy_issuer or None


SET_BY_ADMIN = "An admin set it."


def role_now(
    settings: Settings,
    *,
    role: str | None,
    issuer: str,
    subject: str,
    email: str | None,
    provider: str | None,
    claims: Mapping[str, Any] | None,
) -> Decision:
    """The role of somebody who is not disabled, and why; None: they may not come in now.

    role: as an admin set it, which wins over the rules. provider, claims: those of their newest sign-in;
    None: they always came by a proxy, whose word on groups isn't kept, so that a rule by groups may fit.
    """
    trust_email = True
    if provider is None and issuer != _proxy_issuer(settings):
        return Decision(None, "They came by a proxy that no longer says who comes.")
    if provider is not None:
        known = settings.login_provider_settings.get(provider)
        if known is None or not known.speaks_for(issuer):
            return Decision(None, f"The provider {provider} is not set up any more.")
        trust_email = known.trust_email
    if role is not None:
        return Decision(Role(role), SET_BY_ADMIN)
    if claims is not None:
        return decide(read_identity(claims, trust_email=trust_email), settings.role_rules)
    identity = Identity(issuer, subject, email=email, email_verified=email is not None)
    if settings.login_proxy is LoginProxy.HEADER:  # it tells of no groups
        return decide(identity, settings.role_rules)
    surely = decide(replace(identity, overflowed=True), settings.role_rules)
    return surely if surely.role else decide(identity, settings.role_rules)
