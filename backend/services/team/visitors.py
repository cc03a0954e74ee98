"""Who is at the dashboard: what the door writes into a request's header, and who that is now.

The door says only by which session, or as whom a proxy says, somebody came. What that is worth (has the
session ended, is the person disabled, which role do the rules give) is asked anew in every run and request.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import IntegrityError

from backend.domain.access.claims import read_identity
from backend.domain.access.identity import Identity
from backend.domain.access.origin import Origin
from backend.domain.access.role_decision import decide
from backend.domain.access.roles import Role
from backend.domain.errors import NotAllowed, StoreUnavailable
from backend.domain.shape import load_json
from backend.models import Person
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.team.people import find_or_create_person
from backend.services.team.sessions import PersonDisabled
from backend.settings import Settings
from backend.store.team import people, sessions
from backend.team_settings import TakesVisible

#: The header that the door adds, and takes off whatever comes in; in lower case.
HEADER = "x-dailies-viewer"
#: That somebody is here is written at most this often.
SEEN_EVERY = timedelta(minutes=1)


class SessionEnded(NotAllowed):
    """Whoever it was is not signed in any more."""

    def __init__(self) -> None:
        super().__init__("Your session has ended. Sign in again to go on.", status=401)


class NoRole(NotAllowed):
    """Somebody is signed in, and no rule says what they may do. name: who. why: what may be the reason."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"{name} is signed in, and may not use Dailies yet.", status=403)


@dataclass(frozen=True)
class Visit:
    """By what somebody came in. at: when the door saw it, in seconds since 1970.

    session_id: of a session of ours. identity: who it is, as a proxy says. Just one of the two.
    """

    at: float
    session_id: str | None = None
    identity: Identity | None = None
    address: str | None = None

    @property
    def origin(self) -> Origin:
        """Whence, as the audit says it."""
        return Origin(address=self.address)


def seal_visit(settings: Settings, visit: Visit) -> str:
    """The header's value, which nobody else can make."""
    told = {name: value for name, value in asdict(visit).items() if value is not None}
    body = urlsafe_b64encode(json.dumps(told).encode()).decode()
    return f"{body}.{_mac(settings, body)}"


def open_visit(settings: Settings, header: str | None) -> Visit | None:
    """What the door has written; None: nothing, or nothing of ours."""
    body, _, mac = (header or "").partition(".")
    if not hmac.compare_digest(_mac(settings, body).encode(), mac.encode("utf-8", "replace")):
        return None
    told = load_json(urlsafe_b64decode(body))
    said = told.pop("identity", None)
    if said is None:
        return Visit(**told)
    groups = said.pop("groups")
    return Visit(**told, identity=Identity(**said, groups=None if groups is None else tuple(groups)))


def viewer_of(deps: Deps, visit: Visit | None, *, acted: bool) -> Viewer:
    """Who that is now, and what they may do.

    acted: did a person do something, rather than a page refresh itself? Only that keeps a session from
    idling.

    Raises:
        SessionEnded: nobody, any more.
        NoRole: somebody, who may do nothing here.
        StoreUnavailable: it can't be looked up now.
    """
    if visit is None:
        raise SessionEnded
    if visit.session_id is not None:
        return _by_session(deps, visit.session_id, visit.origin, acted=acted)
    assert visit.identity is not None
    return _by_proxy(deps, visit.identity, _moment(visit.at), visit.origin)


def viewers_of(deps: Deps, visits: Collection[Visit]) -> dict[Visit, Viewer]:
    """Of these, those who may still come in, and as whom; nobody has done anything.

    Raises:
        StoreUnavailable: it can't be looked up now.
    """
    ids = [visit.session_id for visit in visits if visit.session_id is not None]
    with deps.store.read() as session:
        known = sessions.find_sessions(session, ids) if ids else {}
    found: dict[Visit, Viewer] = {}
    for visit in visits:
        with suppress(SessionEnded, NoRole):
            if visit.session_id is None:
                found[visit] = viewer_of(deps, visit, acted=False)
            else:
                one, identity = _open_session(deps, known.get(visit.session_id))
                found[visit] = _viewer_in(deps, one, identity, visit.origin)
    return found


def admit_identity(deps: Deps, identity: Identity) -> Person:
    """Note that a proxy says that this one is here; the person's row, made where there was none.

    Raises:
        PersonDisabled: they may not come in.
    """
    with deps.store.read() as session:
        person = people.find_person(session, identity.issuer, identity.subject)
    if person is None or person.seen_at is None or deps.clock.now() - person.seen_at > SEEN_EVERY:
        try:
            person = _note_person(deps, identity)
        except IntegrityError:  # the same one came in at the same moment elsewhere
            person = _note_person(deps, identity)
    if person.disabled_at is not None:
        raise PersonDisabled(person.name)
    return person


def _note_person(deps: Deps, identity: Identity) -> Person:
    with deps.store.begin() as session:
        return find_or_create_person(session, deps, identity)


def _by_session(deps: Deps, session_id: str, origin: Origin, *, acted: bool) -> Viewer:
    open_one, identity = _open_session(deps, sessions.find_session(deps.store, session_id))
    if acted and _is_to_note(deps, open_one):
        _note_seen(deps, session_id, open_one)
    return _viewer_in(deps, open_one, identity, origin)


def judge_at_once(deps: Deps, found: sessions.SessionRecord, origin: Origin, *, acted: bool) -> Viewer | None:
    """Who that is, if they may come in and nothing is to be written; None: `viewer_of` says."""
    with suppress(SessionEnded, NoRole):
        open_one, identity = _open_session(deps, found)
        if not (acted and _is_to_note(deps, open_one)):
            return _viewer_in(deps, open_one, identity, origin)
    return None


def _is_to_note(deps: Deps, found: sessions.SessionRecord) -> bool:
    return deps.clock.now() - found.seen_at > min(SEEN_EVERY, _idle(deps) / 4)


def _open_session(
    deps: Deps, found: sessions.SessionRecord | None
) -> tuple[sessions.SessionRecord, Identity]:
    """The same, and who it says that this is. Raises SessionEnded."""
    if found is None or found.ended_at is not None or found.disabled_at is not None:
        raise SessionEnded
    provider = deps.settings.login_provider_settings.get(found.provider)
    if provider is None or not provider.speaks_for(found.claims.get("iss")):  # it is none of ours any more
        raise SessionEnded
    if _is_over(deps, found.begun_at) or deps.clock.now() - found.seen_at > _idle(deps):
        raise SessionEnded
    return found, read_identity(found.claims, trust_email=provider.trust_email)


def _by_proxy(deps: Deps, identity: Identity, came_at: datetime, origin: Origin) -> Viewer:
    with deps.store.read() as session:
        person = people.find_person(session, identity.issuer, identity.subject)
    if person is None or person.disabled_at is not None or _is_over(deps, came_at):
        raise SessionEnded
    return _viewer(deps, person.id, person.name, person.role, identity, origin)


def _viewer_in(deps: Deps, found: sessions.SessionRecord, identity: Identity, origin: Origin) -> Viewer:
    return _viewer(deps, found.person_id, found.name, found.role, identity, origin)


def _viewer(
    deps: Deps, person_id: str, name: str, role: str | None, identity: Identity, origin: Origin
) -> Viewer:
    """An admin's word wins over the rules."""
    decided = decide(identity, deps.settings.role_rules)
    found = Role(role) if role else decided.role
    if found is None:
        raise NoRole(identity.email or name, decided.why)
    sees_team = deps.settings.takes_visible is TakesVisible.TEAM
    return Viewer(name, found, person_id=person_id, sees_team=sees_team, origin=origin)


def _note_seen(deps: Deps, session_id: str, found: sessions.SessionRecord) -> None:
    """That it can't be written now ends no session, and stops nobody."""
    now = deps.clock.now()
    with suppress(StoreUnavailable), deps.store.begin() as session:
        sessions.note_session_seen(session, session_id, at=now)
        people.note_seen(session, found.person_id, at=now)


def _idle(deps: Deps) -> timedelta:
    return timedelta(hours=deps.settings.session_idle_hours)


def _is_over(deps: Deps, begun_at: datetime) -> bool:
    return deps.clock.now() - begun_at > timedelta(hours=deps.settings.session_hours)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _mac(settings: Settings, body: str) -> str:
    secret = settings.secret_key.get_secret_value().encode()
    return hmac.new(secret, f"viewer|v1|{body}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
