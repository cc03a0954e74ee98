"""Who is asking, and what they may do: viewers, roles, API tokens.

A viewer of any kind is a name and a role. A `viewer` reads every take and changes nothing; a
`creator` starts, cancels and uploads, and sees their own takes; an `admin` sees and does everything.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import IntegrityError

from backend.domain.errors import InvalidRequest, NotAllowed
from backend.models import Token
from backend.services.deps import Deps
from backend.store.records import tokens


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    CREATOR = "creator"
    ADMIN = "admin"


#: Who has more may do what whoever has less may.
_RANK: dict[Role, int] = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class Viewer:
    """Who is asking."""

    name: str
    role: Role

    @property
    def sees_all(self) -> bool:
        """May this one see everybody's takes?"""
        return self.role in (Role.VIEWER, Role.ADMIN)

    def may_see(self, owner: str) -> bool:
        """May this one know of what `owner` made?"""
        return self.sees_all or owner == self.name

    def require_role(self, minimum: Role) -> None:
        """Refuse whoever has less than this role (NotAllowed, 403)."""
        if _RANK[self.role] < _RANK[minimum]:
            raise NotAllowed(f"This needs the role {minimum}; {self.name} is a {self.role}.", status=403)


#: The dashboard's own viewer while it has no logins: whoever reaches this machine's loopback.
LOCAL_VIEWER = Viewer("studio", Role.ADMIN)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")


def create_token(deps: Deps, name: str, role: Role) -> str:
    """Make a token; only now is its secret known. Raises InvalidRequest: the name is malformed or taken."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest({"name": "use 1 to 64 letters, digits, spaces and . _ @ -"})
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = Token(id=token_id, name=name, role=role, secret_sha256=_hash(secret), created_at=deps.clock.now())
    try:
        with deps.store.begin() as session:
            tokens.insert_token(session, row)
    except IntegrityError as error:
        fault = f"there is a token called {name} already; choose another name"
        raise InvalidRequest({"name": fault}) from error
    return f"dailies_{token_id}_{secret}"


def revoke_token(deps: Deps, name: str) -> None:
    """From now on this token opens nothing. Raises InvalidRequest: there is no token with that name."""
    with deps.store.begin() as session:
        token = tokens.by_name(session, name)
        if token is None:
            raise InvalidRequest({"name": f"there is no token called {name}"})
        tokens.revoke_token(session, token.id, at=deps.clock.now())


def authenticate_token(deps: Deps, authorization: str | None) -> Viewer:
    """Who sent this `Authorization` header. Raises NotAllowed: 401; there is none, or it opens nothing."""
    refused = NotAllowed("A valid token is needed: Authorization: Bearer dailies_…", status=401)
    scheme, _, value = (authorization or "").partition(" ")
    parts = value.strip().split("_", 2)
    if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != "dailies":
        raise refused
    token = tokens.find_by_id(deps.store, parts[1])
    fits = hmac.compare_digest(_hash(parts[2]), token.secret_sha256 if token else _hash(""))
    if token is None or not fits or token.revoked_at is not None:
        raise refused
    return Viewer(token.name, Role(token.role))


def _hash(secret: str) -> str:
    """256 random bits need no slow hash: they can't be guessed, only stolen."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
