"""An identity out of the claims of a provider's or a proxy's token, which has been verified before.

Sources: OpenID Connect Core 1.0, section 5.1; Microsoft, "Group overages" (`_claim_names`, `hasgroups`) and
"App roles" (`roles`); Google, "OpenID Connect" (`hd`).
"""

from collections.abc import Mapping
from typing import Any

from backend.domain.access.identity import Identity

#: What of a token roles and names are decided by; the rest need not be kept.
KEPT_CLAIMS = (
    "iss", "sub", "name", "preferred_username", "email", "email_verified", "hd",
    "groups", "roles", "hasgroups", "_claim_names",
)  # fmt: skip


def read_identity(claims: Mapping[str, Any], *, trust_email: bool = False) -> Identity:
    """Who it is. claims: with `iss` and `sub`, as they came.

    trust_email: an address counts also where the issuer doesn't say that it is verified; never where it
    says that it isn't.
    """
    email = _text(claims, "email")
    groups = _texts(claims.get("groups"))
    roles = _texts(claims.get("roles"))
    told = [one for one in (groups, roles) if one is not None]
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=_text(claims, "name") or _text(claims, "preferred_username"),
        email=email,
        email_verified=email is not None and _is_verified(claims, trust_email),
        groups=tuple(dict.fromkeys(name for names in told for name in names)) if told else None,
        overflowed=groups is None and _left_out(claims),
        hosted_domain=_text(claims, "hd"),
    )


def is_text(value: Any) -> bool:
    """Is this a text that every database keeps as it is? Not with NUL, nor with half of a character."""
    return isinstance(value, str) and not any(one == "\0" or "\ud800" <= one <= "\udfff" for one in value)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return str(value).strip() or None if is_text(value) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    """A list of names, or one name alone; None: nothing of that kind."""
    if isinstance(value, str):
        return (value,) if value and is_text(value) else None
    return tuple(filter(is_text, value)) if isinstance(value, list | tuple) else None


def _is_verified(claims: Mapping[str, Any], trust_email: bool) -> bool:
    """Some providers write the truth as a text."""
    said = claims.get("email_verified")
    return trust_email if said is None else said is True or said == "true"


def _left_out(claims: Mapping[str, Any]) -> bool:
    named = claims.get("_claim_names")
    return bool(claims.get("hasgroups")) or (isinstance(named, Mapping) and "groups" in named)
