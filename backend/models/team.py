"""The team: people, their sessions, what was done and by whom, and deliveries that were refused."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment

#: Rows that are in the audit's indexes.
NOT_A_START = text("action <> 'take.started'")


def _index_without_starts(name: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=NOT_A_START, postgresql_where=NOT_A_START)


class Person(SQLModel, table=True):
    """Somebody who signed in once, or whom a proxy named. Who it is: (issuer, subject)."""

    __tablename__ = "person"
    __table_args__ = (Index("person_identity", "issuer", "subject", unique=True),)

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)  #: the owner of takes; given once, never that of anybody else
    issuer: str
    subject: str
    email: str | None = None  #: as last told, in lower case
    role: str | None = None  #: set by an admin; None: by the rules
    disabled_at: datetime | None = moment(default=None)
    created_at: datetime = moment()
    seen_at: datetime | None = moment(default=None)


class LoginSession(SQLModel, table=True):
    """One browser that is signed in. The cookie has 32 random bytes; this row only their SHA-256."""

    __tablename__ = "login_session"
    __table_args__ = (Index("login_session_person", "person_id", "begun_at"),)

    id: str = Field(primary_key=True)  #: SHA-256 of the cookie's bytes, hex
    person_id: str
    provider: str
    claims: dict[str, Any] = Field(default_factory=dict, sa_type=Json)  #: what roles are decided by
    begun_at: datetime = moment()
    seen_at: datetime = moment()  #: written at most once a minute
    ended_at: datetime | None = moment(default=None)
    address: str | None = None
    agent: str | None = None  #: the browser, as it calls itself, shortened


class AuditEntry(SQLModel, table=True):
    """One deed, written in its own transaction; never changed. Holds no prompt, key or token."""

    __tablename__ = "audit"
    # Ids are in the order of their moments: no index begins with `at`. Starts, which are most rows, have the
    # ids of their takes, and are found by these: every index that they were in would slow every start.
    __table_args__ = (
        _index_without_starts("audit_actor", "actor", "id"),
        _index_without_starts("audit_action", "action", "id"),
        _index_without_starts("audit_object", "object_id", "id"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)  #: UUIDv7; of a start: the take's
    at: datetime = moment()
    actor_kind: str  #: person, token, worker, cli
    actor: str  #: the name of the person or token
    via: str
    action: str  #: thing.verb
    object_type: str | None = None
    object_id: str | None = None
    space_id: str | None = None  #: the project, where there is one
    micros: int | None = None  #: money that it was about, in millionths of a USD
    changed: dict[str, Any] | None = Field(default=None, sa_type=Json)  #: {field: [before, after]}
    address: str | None = None
    request_id: str | None = None


class RefusedDeliveries(SQLModel, table=True):
    """Deliveries that were refused for one reason: how many, and when last. Nothing of their bodies."""

    __tablename__ = "refused_deliveries"

    reason: str = Field(primary_key=True)
    number: int
    first_at: datetime = moment()
    last_at: datetime = moment()
