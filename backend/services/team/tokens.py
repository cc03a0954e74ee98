"""Tokens for programs: who may have which, and whom a call that brings one comes from.

A personal token acts as its person, and can never do more than they may now. A service token has its own name
and role; takes are filed under that name.
"""

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.domain.access.origin import Origin, Via
from backend.domain.access.roles import Do
from backend.domain.access.scopes import Scope
from backend.domain.errors import InvalidRequest, NotAllowed, NotFound, StoreUnavailable
from backend.models import Token
from backend.services.access import Kind, Role, Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.team.names import NAMES_LOCK, is_reserved
from backend.services.team.person_roles import role_now
from backend.services.team.token_request import TokenRequest
from backend.store.database.locks import acquire_advisory_lock
from backend.store.records import tokens
from backend.store.records.tokens import TokenRecord
from backend.team_settings import TakesVisible

log = logging.getLogger(__name__)

#: When a token was last used is written down no more often.
USE_NOTED_EVERY = timedelta(minutes=10)
#: So many tokens may somebody have made who is no admin; more than anybody can look after.
TOKENS_MAX = 100


@dataclass(frozen=True)
class TokenView:
    """A token as lists show it. person: whom it acts as; None: a service of its own name."""

    id: str
    name: str
    role: Role
    person: str | None
    scopes: tuple[Scope, ...] | None
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    last_used_at: datetime | None
    expired: bool

    @property
    def hint(self) -> str:
        """What of its secret may be shown."""
        return f"dailies_{self.id}_…"


@dataclass(frozen=True)
class NewToken:
    """A token that was just made. secret: what a client sends; it is known only now."""

    token: TokenView
    secret: str


def create_token(deps: Deps, viewer: Viewer, asked: TokenRequest) -> NewToken:
    """Make a token. Of a person it acts as them, unless an admin asks for a service.

    Raises:
        InvalidRequest: the name is somebody else's.
        NotAllowed: its role, its scopes or its end are beyond what this viewer may give.
    """
    _must_give(viewer, asked)
    personal = viewer.person_id is not None and not asked.service
    token_id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), deps.clock.now()
    row = Token(
        id=token_id,
        name=f"{viewer.name}/{asked.name}" if personal else asked.name,
        role=asked.role,
        secret_sha256=_hash(secret),
        created_at=now,
        created_by=viewer.name,
        person_id=viewer.person_id if personal else None,
        scopes=list(asked.scopes) if asked.scopes is not None else None,
        expires_at=asked.expires_at,
    )
    try:
        with deps.store.begin() as session:
            _claim_name(session, deps, viewer, row)
            _must_have_room(session, viewer, now)
            tokens.insert_token(session, row)
            what = {"name": (None, row.name), "role": (None, row.role), "scopes": (None, row.scopes)}
            record(session, deps, viewer, Action.TOKEN_CREATED, object_type="token", object_id=token_id,
                   changed=what)  # fmt: skip
    except IntegrityError as error:
        raise _taken(asked.name) from error
    return NewToken(_view(row, viewer.name if personal else None, now), f"dailies_{token_id}_{secret}")


def _must_give(viewer: Viewer, asked: TokenRequest) -> None:
    """Refuse what would let the token do more, or for longer, than this viewer may give."""
    viewer.must(Do.MANAGE_OWN_TOKENS)
    if asked.role.rank > viewer.role.rank:
        raise _too_much(
            f"You are a {viewer.role}; a token of yours can't be more. Choose {viewer.role} or less."
        )
    if not viewer.sees_all and viewer.person_id is None and asked.role is not viewer.role:
        raise _too_much(
            f"You see your own takes alone, and a {asked.role} would see everybody's. Choose {viewer.role}."
        )
    if viewer.scopes is not None:
        beyond = [scope for scope in asked.scopes or tuple(Scope) if scope not in viewer.scopes]
        if beyond:
            raise _too_much(
                f"This token lacks the scope {beyond[0]}, so it can't give it; name the new one's scopes.",
                scope=beyond[0],
            )
    if asked.expires_at is None and not viewer.may(Do.MANAGE_TOKENS):
        raise _too_much("Only an admin makes tokens that never expire; say when it shall.")
    if asked.service and viewer.kind is Kind.PERSON:
        viewer.must(Do.MANAGE_TOKENS)


def _too_much(why: str, *, scope: str | None = None) -> NotAllowed:
    return NotAllowed(why, status=403, scope=scope, deed=Do.MANAGE_TOKENS)


def _claim_name(session: Session, deps: Deps, viewer: Viewer, row: Token) -> None:
    """See that the name is this token's to have. One that no longer opens anything gives its name up."""
    acquire_advisory_lock(session, NAMES_LOCK)
    same = tokens.by_name(session, row.name)
    if same is not None:
        if not _is_dead(same, row.created_at) or not _is_own(viewer, same):
            raise _taken(row.name.rpartition("/")[2])
        tokens.rename_token(session, same.id, f"{same.name} ({same.id})")
    elif row.person_id is None and _is_anothers(session, deps, viewer, row.name):
        raise InvalidRequest(
            {"name": f"{row.name} is the name of a person, or takes stand under it; choose another name"}
        )


def _is_anothers(session: Session, deps: Deps, viewer: Viewer, name: str) -> bool:
    """Would a service of this name have what is another's? Admins alone know who made tokens before."""
    if tokens.is_somebodys_name(session, name):
        return True
    knows = viewer.may(Do.MANAGE_TOKENS)
    return not knows and (is_reserved(deps, name) or tokens.has_made_tokens(session, name))


def _must_have_room(session: Session, viewer: Viewer, now: datetime) -> None:
    alive = tokens.count_alive(session, viewer.name, now=now)
    if alive >= TOKENS_MAX and not viewer.may(Do.MANAGE_TOKENS):
        raise InvalidRequest({"name": f"you have {alive} tokens; revoke one first"})


def _taken(name: str) -> InvalidRequest:
    return InvalidRequest({"name": f"there is a token called {name} already; choose another name"})


def _is_dead(token: Token, now: datetime) -> bool:
    return token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now)


def _is_own(viewer: Viewer, token: Token) -> bool:
    """May this viewer see and revoke it? One's own: it acts as them, they made it, or it is them."""
    if viewer.may(Do.MANAGE_TOKENS):
        return True
    theirs = viewer.person_id is not None and token.person_id == viewer.person_id
    return theirs or token.created_by == viewer.name or token.id == viewer.token_id


def is_mine(viewer: Viewer, token: TokenView) -> bool:
    """Does it act as this viewer, or did they make it?"""
    return token.person == viewer.name or token.created_by == viewer.name


def list_tokens(deps: Deps, viewer: Viewer) -> list[TokenView]:
    """Tokens that aren't revoked, newest first: one's own; an admin sees everybody's."""
    viewer.must(Do.MANAGE_OWN_TOKENS)
    now, own = deps.clock.now(), None
    if not viewer.may(Do.MANAGE_TOKENS):
        own = tokens.is_own(name=viewer.name, person_id=viewer.person_id, token_id=viewer.token_id)
    with deps.store.read() as session:
        return [_view(token, person, now) for token, person in tokens.list_not_revoked(session, own)]


def _view(token: Token, person: str | None, now: datetime) -> TokenView:
    scopes = (
        None if token.scopes is None else tuple(Scope(one) for one in token.scopes if one in tuple(Scope))
    )
    return TokenView(
        token.id, token.name.rpartition("/")[2] if person else token.name, Role(token.role), person, scopes,
        token.created_at, token.created_by, token.expires_at, token.last_used_at,
        expired=token.expires_at is not None and token.expires_at <= now,
    )  # fmt: skip


def revoke_token(deps: Deps, viewer: Viewer, token_id: str) -> None:
    """From now on this token opens nothing. NotFound: there is none with that id that is one's own."""
    viewer.must(Do.MANAGE_OWN_TOKENS)
    with deps.store.begin() as session:
        _revoke(session, deps, viewer, tokens.get_by_id(session, token_id))


def revoke_token_by_name(deps: Deps, viewer: Viewer, name: str) -> None:
    """The same by its name, or by its id. InvalidRequest: there is no such token."""
    viewer.must(Do.MANAGE_TOKENS)
    with deps.store.begin() as session:
        token = tokens.by_name(session, name) or tokens.get_by_id(session, name)
        if token is None:
            raise InvalidRequest({"name": f"there is no token called {name}"})
        _revoke(session, deps, viewer, token)


def _revoke(session: Session, deps: Deps, viewer: Viewer, token: Token | None) -> None:
    if token is None or not _is_own(viewer, token):
        raise NotFound("There is no token with that id.")
    if token.revoked_at is None:
        tokens.revoke_token(session, token.id, at=deps.clock.now())
        record(session, deps, viewer, Action.TOKEN_REVOKED, object_type="token", object_id=token.id,
               changed={"name": (token.name, None)})  # fmt: skip


@dataclass(frozen=True)
class Caller:
    """Whom a call comes from. use_is_news: when its token was last used is to be written down."""

    viewer: Viewer
    token_id: str
    use_is_news: bool


def authenticate_token(deps: Deps, authorization: str | None, origin: Origin = Origin(Via.API)) -> Caller:
    """Who sent this `Authorization` header. Raises NotAllowed: 401; there is none, or it opens nothing."""
    scheme, _, value = (authorization or "").partition(" ")
    bearer = scheme.lower() == "bearer" and value.strip() != ""
    parts = value.strip().split("_", 2)
    if not bearer or len(parts) != 3 or parts[0] != "dailies":
        raise _refused("A valid token is needed: Authorization: Bearer dailies_…", presented=bearer)
    token = tokens.find_by_id(deps.store, parts[1])
    fits = hmac.compare_digest(_hash(parts[2]), token.secret_sha256 if token else _hash(""))
    if token is None or not fits or token.revoked_at is not None:
        raise _refused("A valid token is needed: Authorization: Bearer dailies_…")
    now = deps.clock.now()
    if token.expires_at is not None and token.expires_at <= now:
        raise _refused(f"This token expired on {token.expires_at:%Y-%m-%d}; make a new one.")
    news = token.last_used_at is None or token.last_used_at <= now - USE_NOTED_EVERY
    return Caller(_viewer_of(deps, parts[1], token, origin), parts[1], news)


def note_use(deps: Deps, token_id: str) -> None:
    """Write down that the token was used now. Nothing depends on it: where that can't be, it is left out."""
    now = deps.clock.now()
    try:
        with deps.store.begin() as session:
            tokens.touch_token(session, token_id, at=now, unless_after=now - USE_NOTED_EVERY)
    except StoreUnavailable as error:
        log.info("the use of a token was not noted", extra={"why": error.why[:300]})


def _viewer_of(deps: Deps, token_id: str, token: TokenRecord, origin: Origin) -> Viewer:
    scopes = None if token.scopes is None else frozenset(s for s in Scope if s in token.scopes)
    name, role, kind, theirs = token.name, Role(token.role), Kind.TOKEN, None
    if token.person_id is not None:
        theirs = _role_of_person(deps, token)
        if token.person_name is None or theirs is None:
            raise _refused("The person of this token may not come in.")
        name, kind = token.person_name, Kind.PERSON
        role = min(role, theirs, key=lambda one: one.rank)
    sees_team = deps.settings.takes_visible == TakesVisible.TEAM
    return Viewer(
        name, role, kind, person_id=token.person_id, token_id=token_id, scopes=scopes, sees_team=sees_team,
        of_creator=theirs is Role.CREATOR, origin=origin,
    )  # fmt: skip


def _role_of_person(deps: Deps, token: TokenRecord) -> Role | None:
    """What the token's person may do now; None: nothing."""
    if token.issuer is None or token.subject is None or token.disabled_at is not None:
        return None
    return role_now(
        deps.settings, role=token.person_role, issuer=token.issuer, subject=token.subject, email=token.email,
        provider=token.provider, claims=token.claims,
    ).role  # fmt: skip


def _refused(message: str, *, presented: bool = True) -> NotAllowed:
    return NotAllowed(message, status=401, invalid_token=presented)


def _hash(secret: str) -> str:
    """256 random bits need no slow hash: they can't be guessed, only stolen."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
