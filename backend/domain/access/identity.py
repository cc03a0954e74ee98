"""Who a provider, or a proxy in front, says that somebody is; what of it roles are decided by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """One person as told by an issuer; `(issuer, subject)` is who it is, the address a label that changes.

    groups: None where nothing was said of groups, which is not the same as "in none".
    overflowed: the issuer left groups out because there were too many.
    """

    issuer: str
    subject: str
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    groups: tuple[str, ...] | None = None
    overflowed: bool = False
    hosted_domain: str | None = None  #: Google's claim `hd`
