"""Who is asking, and what they may do: viewers and roles.

A viewer of any kind is a name and a role. What each role may do is the table of `domain.access.roles`; the
guards (`must`, `must_change`) stand in services, so that pages, routes and commands share them.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from backend.domain.access.origin import Origin, Via
from backend.domain.access.roles import LEAST, Do, allows
from backend.domain.access.roles import Role as Role
from backend.domain.access.scopes import SCOPE_OF, Scope
from backend.domain.errors import NotAllowed, NotFound
from backend.services.deps import Deps


class Kind(StrEnum):
    """What a viewer is."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105  # the word, no secret


@dataclass(frozen=True)
class Viewer:
    """Who is asking: a name, a role, and what limits it.

    name: the owner of what it makes. also_owns: other names whose takes are this viewer's as well.
    scopes: what a token is limited to; None: nothing but its role. sees_team: does it see others' takes
    (`TAKES_VISIBLE`)? Only a creator's view depends on it. of_creator: it is a token of a person who is a
    creator, and sees no more than they do, whatever its own role.
    """

    name: str
    role: Role
    kind: Kind = Kind.PERSON
    person_id: str | None = None
    token_id: str | None = None
    scopes: frozenset[Scope] | None = None
    also_owns: tuple[str, ...] = ()
    sees_team: bool = True
    of_creator: bool = False
    origin: Origin = field(default=Origin(), compare=False)

    @property
    def owner_names(self) -> tuple[str, ...]:
        """The names under which this viewer's takes stand."""
        return (self.name, *self.also_owns)

    @property
    def sees_all(self) -> bool:
        """May this one see everybody's takes?"""
        return self.sees_team or not (self.of_creator or self.role is Role.CREATOR)

    @property
    def visible_names(self) -> tuple[str, ...] | None:
        """The only owners whose takes this one may see; None: everybody's. Lists and sums go by it."""
        return None if self.sees_all else self.owner_names

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
            who = self.name if self.token_id is None else "this token"
            raise _refused(do, f"the role {LEAST[do]} is needed; {who} is a {self.role}")
        if self.scopes is not None and SCOPE_OF[do] not in self.scopes:
            raise _refused(do, f"this token needs the scope {SCOPE_OF[do]}", scope=SCOPE_OF[do])

    def may_change(self, owner: str) -> bool:
        """May this one change what `owner` made?"""
        return self.may_see(owner) and self.may(self.change_of(owner))

    def must_change(self, owner: str, what: str = "take") -> None:
        """Refuse whoever may not change what `owner` made.

        Raises:
            NotAllowed: 403; it may be seen, and is not this viewer's to change.
            NotFound: it may not even be seen.
        """
        self.must(Do.CHANGE_OWN)
        if not self.may_see(owner):
            raise NotFound(f"There is no {what} with that id.")
        self.must(self.change_of(owner))

    def change_of(self, owner: str) -> Do:
        """What it is to change what `owner` made: one's own, or somebody else's."""
        return Do.CHANGE_OWN if self.owns(owner) else Do.CHANGE_OTHERS


def _refused(do: Do, why: str, *, scope: Scope | None = None) -> NotAllowed:
    return NotAllowed(f"To {do}, {why}.", status=403, scope=scope, deed=do)


#: Takes of before there were names belong to whoever sits at the dashboard without logins.
FORMER_LOCAL_NAME = "studio"


def local_viewer(deps: Deps, via: Via = Via.DASHBOARD) -> Viewer:
    """Who sits at this machine, where there are no logins: its own name, and every right."""
    name = deps.settings.local_name
    return Viewer(name, Role.ADMIN, also_owns=(FORMER_LOCAL_NAME,), origin=Origin(via))


def cli_viewer(deps: Deps) -> Viewer:
    """Who gives commands on this machine."""
    return local_viewer(deps, Via.CLI)
