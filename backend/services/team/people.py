"""A person's row: found by who the issuer says it is, made at the first sign-in, with a name of its own."""

import unicodedata
from collections.abc import Iterator
from itertools import count

from sqlmodel import Session

from backend.domain.access.identity import Identity
from backend.domain.access.role_rules import fold_address
from backend.models import Person
from backend.services.deps import Deps
from backend.services.team.names import NAMES_LOCK, is_reserved
from backend.store.database.locks import acquire_advisory_lock
from backend.store.team import people

#: The longest name of a person; the same as of a token.
NAME_MAX_CHARS = 64
#: An address is noted as far as mail servers take one. Source: RFC 5321, section 4.5.3.1.
ADDRESS_MAX_CHARS = 320


def find_or_create_person(session: Session, deps: Deps, identity: Identity) -> Person:
    """The person's row, with the address as it is told now.

    A new one gets a name that nobody else has, neither a token nor whoever owns a take, and keeps it,
    whatever the issuer says later.

    Raises:
        IntegrityError: the same person, or the name, came in at the same moment elsewhere. Try again.
    """
    now, email = deps.clock.now(), _address(identity)
    person = people.find_person(session, identity.issuer, identity.subject)
    if person is not None:
        people.note_seen(session, person.id, at=now, email=email)
        return person
    acquire_advisory_lock(session, NAMES_LOCK)
    name = next(name for name in _names(identity) if _is_free(session, deps, name))
    person = Person(
        id=deps.clock.new_id(),
        name=name,
        issuer=identity.issuer,
        subject=identity.subject,
        email=email,
        created_at=now,
        seen_at=now,
    )
    people.insert_person(session, person)
    return person


def _names(identity: Identity) -> Iterator[str]:
    """The display name, the address, then the first of them with a number.

    Nobody is called by an address that isn't theirs, whatever they call themselves.
    """
    said = [_clean(text) for text in (identity.name, identity.email) if text]
    own = _clean(identity.email or "").lower()
    said = [name for name in said if name and ("@" not in name or name.lower() == own)]
    said = said or [_clean(identity.subject) or "somebody"]
    yield from said
    for number in count(2):
        yield f"{said[0][: NAME_MAX_CHARS - 8]} {number}"


def _clean(text: str) -> str:
    """One line of letters that can be seen, as people would type it."""
    plain = unicodedata.normalize("NFKC", text)
    seen = "".join(one if unicodedata.category(one)[0] not in "CZ" else " " for one in plain)
    return " ".join(seen.split())[:NAME_MAX_CHARS].strip()


def _is_free(session: Session, deps: Deps, name: str) -> bool:
    return not is_reserved(deps, name) and not people.is_name_taken(session, name)


def _address(identity: Identity) -> str | None:
    """As rules compare it; what is too long is nobody's, and not cut to be somebody's."""
    email = fold_address(identity.email or "")
    return email if 0 < len(email) <= ADDRESS_MAX_CHARS else None
