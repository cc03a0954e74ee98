"""Which role the rules give to somebody, and why; for whom they give none, what may be the reason.

Sources: Google, "OpenID Connect" (`hd`, `email_verified`); Microsoft, "Group overages"; Okta, "Groups claim"
(at most 100 groups); Keycloak, "Group Membership" mapper ("full group path").
"""

from dataclasses import dataclass
from typing import NamedTuple

from backend.domain.access.identity import Identity
from backend.domain.access.role_rules import RoleRule, RoleRules, Who, fold_address, fold_group
from backend.domain.access.roles import Role

#: Google says by `hd` whose organisation an account belongs to; an address at a domain says less.
GOOGLE_ISSUERS = frozenset(
    {"https://accounts.google.com", "accounts.google.com", "https://cloud.google.com/iap"}
)
#: With so many groups, further ones may have been left out without a word.
SILENT_LIMIT = 100


class Decision(NamedTuple):
    """role: None where no rule fits. why: a sentence or more, for the person and for the log."""

    role: Role | None
    why: str


@dataclass(frozen=True)
class _Facts:
    """What rules are held against, folded once. email, domain: None where they aren't verified."""

    email: str | None
    domain: str | None
    groups: frozenset[str]

    @classmethod
    def of(cls, identity: Identity) -> "_Facts":
        email = fold_address(identity.email or "") if identity.email_verified else None
        groups = frozenset(map(fold_group, identity.groups or ()))
        return cls(email, _domain(identity), groups)

    def fit(self, rule: RoleRule) -> bool:
        if rule.who is Who.GROUP:
            return rule.value in self.groups
        return rule.value == (self.domain if rule.who is Who.DOMAIN else self.email)


def decide(identity: Identity, rules: RoleRules) -> Decision:
    """The role of the first rule that fits.

    Where an issuer left groups out, an earlier rule by group might have fitted: then nobody gets more than
    that rule would have given.
    """
    unsure: list[RoleRule] = []
    facts = _Facts.of(identity)
    for rule in rules.rules:
        if facts.fit(rule):
            lower = [one for one in unsure if one.role.rank < rule.role.rank]
            if not lower:
                return Decision(rule.role, f"{rule.place}: {rule.written} is {rule.role}.")
            least = min(lower, key=lambda one: one.role.rank)
            return Decision(least.role, f"{_OVERFLOW} {least.place} might fit, so it is {least.role}.")
        if rule.who is Who.GROUP and identity.overflowed:
            unsure.append(rule)
    return Decision(None, " ".join(["No rule fits.", *_reasons(identity, rules)]))


def _domain(identity: Identity) -> str | None:
    """Whose somebody is: Google says so itself; else it is what stands behind the last @, whole."""
    hosted = fold_address(identity.hosted_domain or "")
    if identity.issuer in GOOGLE_ISSUERS:
        return hosted or None
    domain = _after_at(identity)
    return domain if identity.email_verified and hosted in ("", domain) else None


def _after_at(identity: Identity) -> str:
    return fold_address(identity.email or "").rpartition("@")[2]


_OVERFLOW = "The provider left groups out, because there were too many to tell."


def _reasons(identity: Identity, rules: RoleRules) -> list[str]:
    """What the provider didn't say although rules ask for it."""
    asked = {rule.who for rule in rules.rules}
    said = []
    written = (fold_address(identity.email or ""), _after_at(identity))
    by_address = [rule for rule in rules.rules if rule.value in written]
    if not rules.rules:
        said.append("No rules for roles are set.")
    elif asked & {Who.ADDRESS, Who.DOMAIN} and not identity.email:
        said.append("The provider told no address.")
    elif not identity.email_verified and any(rule.who is not Who.GROUP for rule in by_address):
        said.append("The provider doesn't say that the address is verified, so rules by address don't count.")
    elif any(rule.who is Who.DOMAIN for rule in by_address):
        said.append("The account is none of the organisation's: it says so by another domain, or by none.")
    if Who.GROUP in asked:
        said += _reasons_of_groups(identity)
    return said


def _reasons_of_groups(identity: Identity) -> list[str]:
    if identity.overflowed:
        return [_OVERFLOW]
    if identity.groups is None:
        return ["The provider told no groups, which is not the same as being in none."]
    if len(identity.groups) >= SILENT_LIMIT:
        return [f"{len(identity.groups)} groups came; further ones may have been left out without a word."]
    return []
