"""Which role a person has now, where they aren't here themselves: for their tokens, and for admins."""

from collections.abc import Mapping
from typing import Any

from backend.domain.access.claims import read_identity
from backend.domain.access.identity import Identity
from backend.domain.access.role_decision import Decision, decide
from backend.domain.access.roles import Role
from backend.settings import Settings

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
    if provider is None and settings.login_proxy is None:
        return Decision(None, "Nobody signs in here by a proxy any more.")
    if provider is not None:
        known = settings.login_provider_settings.get(provider)
        if known is None:
            return Decision(None, f"The provider {provider} is not set up any more.")
        trust_email = known.trust_email
    if role is not None:
        return Decision(Role(role), SET_BY_ADMIN)
    if claims is None:
        identity = Identity(issuer, subject, email=email, email_verified=email is not None, overflowed=True)
    else:
        identity = read_identity(claims, trust_email=trust_email)
    return decide(identity, settings.role_rules)
