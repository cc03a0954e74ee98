"""Who is asking, and what they may do: viewers, roles, API tokens.

A viewer of any kind is a name and a role. What each role may do is the table of `domain.access.roles`; the
guards (`must`, `must_change`) stand in services, so that pages, routes and commands share them.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.exc import IntegrityError

from backend.domain.access.origin import Origin, Via
from backend.domain.access.roles import LEAST, Do, allows
from backend.domain.access.roles import Role as Role
from backend.domain.access.scopes import SCOPE_OF, Scope
from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.models import Token
from backend.services.deps import Deps
from backend.store.records import tokens
from backend.team_settings import TakesVisible


class Kind(StrEnum):
    """What a viewer is."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105  # the word, no secret


@dataclass(frozen=True)
class Viewer:
    """Who is asking: a name, a role, and what limits it.

    name: the owner of what it makes. also_owns: other names whose takes are this viewer's as well.
    scopes: what a token is limited to; None: nothing but its role. sees_team: does it see others' takes
    (`TAKES_VISIBLE`)? Only a creator's view depends on it.
    """

    name: str
    role: Role
    kind: Kind = Kind.PERSON
    person_id: str | None = None
    token_id: str | None = None
    scopes: frozenset[Scope] | None = None
    also_owns: tuple[str, ...] = ()
    sees_team: bool = True
    origin: Origin = field(default=Origin(), compare=False)

    @property
    def owner_names(self) -> tuple[str, ...]:
        """The names under which this viewer's takes stand."""
        return (self.name, *self.also_owns)

    @property
    def sees_all(self) -> bool:
        """May this one see everybody's takes?"""
        return self.sees_team or self.role is not Role.CREATOR

    def owns(self, owner: str) -> bool:
        """Is what `owner` made this viewer's own?"""
        return owner in self.owner_names

    def may_see(self, owner: str) -> bool:
        """May this one know of what `owner` made?"""
        return self.sees_all or self.owns(owner)

    def may(self, do: Do) -> bool:
        """May this one do it: by role, and by scope?"""
        return allows(self.role, do) and (self.scopes is None or SCOPE_OF[do] in self.scopes)

    def must(self, do: Do) -> None:
        """Refuse whoever may not do it (NotAllowed, 403, which names the role or the scope that lacks)."""
        if not allows(self.role, do):
            raise NotAllowed(
                f"To {do}, the role {LEAST[do]} is needed; {self.name} is a {self.role}.", status=403
            )
        if self.scopes is not None and SCOPE_OF[do] not in self.scopes:
            raise NotAllowed(f"To {do}, this token needs the scope {SCOPE_OF[do]}.", status=403)

    def may_change(self, owner: str) -> bool:
        """May this one change what `owner` made?"""
        return self.may_see(owner) and self.may(self._change(owner))

    def must_change(self, owner: str, what: str = "take") -> None:
        """Refuse whoever may not change what `owner` made.

        Raises:
            NotAllowed: 403; it may be seen, and is not this viewer's to change.
            NotFound: it may not even be seen.
        """
        self.must(Do.CHANGE_OWN)
        if not self.may_see(owner):
            raise NotFound(f"There is no {what} with that id.")
        self.must(self._change(owner))

    def _change(self, owner: str) -> Do:
        return Do.CHANGE_OWN if self.owns(owner) else Do.CHANGE_OTHERS

    def require_role(self, minimum: Role) -> None:
        """Refuse whoever has less than this role (NotAllowed, 403)."""
        if self.role.rank < minimum.rank:
            raise NotAllowed(f"This needs the role {minimum}; {self.name} is a {self.role}.", status=403)


#: Takes of before there were names belong to whoever sits at the dashboard without logins.
FORMER_LOCAL_NAME = "studio"


def local_viewer(deps: Deps, via: Via = Via.DASHBOARD) -> Viewer:
    """Who sits at this machine, where there are no logins: its own name, and every right."""
    name = deps.settings.local_name
    return Viewer(name, Role.ADMIN, also_owns=(FORMER_LOCAL_NAME,), origin=Origin(via))


def cli_viewer(deps: Deps) -> Viewer:
    """Who gives commands on this machine."""
    return local_viewer(deps, Via.CLI)


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
    sees_team = deps.settings.takes_visible == TakesVisible.TEAM
    return Viewer(token.name, Role(token.role), Kind.TOKEN, token_id=parts[1], sees_team=sees_team)


def _hash(secret: str) -> str:
    """256 random bits need no slow hash: they can't be guessed, only stolen."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
