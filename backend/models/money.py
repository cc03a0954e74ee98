"""What takes cost: the ledger, and the sums of it that are kept."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment

_UNKNOWN = text("source = 'unknown'")
_IN_FORCE = text("ended_at IS NULL")
_HAS_TWIN = text("twin_id IS NOT NULL")
_DIGESTED, _UNDIGESTED = text("input_sha256 IS NOT NULL"), text("input_sha256 IS NULL")


class LedgerEntry(SQLModel, table=True):
    """One line of the ledger. Append only; what a take counts for is the sum of its lines."""

    __tablename__ = "line"
    __table_args__ = (
        Index("line_job", "job_id", "micros"),
        Index("line_unknown", "day", "owner", sqlite_where=_UNKNOWN, postgresql_where=_UNKNOWN),
    )

    id: int | None = Field(default=None, primary_key=True)
    job_id: str
    owner: str
    day: str  #: the day on which the take was asked for, in the team's time zone, "2026-11-21"
    kind: str  #: an `EntryKind`
    micros: int = Field(sa_type=BigInteger)  #: millionths of a dollar
    source: str  #: estimate, billed, events, unbilled, written_off, unknown
    units: float | None = None
    unit: str | None = None
    unit_usd: float | None = None
    at: datetime = moment()


class DaySum(SQLModel, table=True):
    """What one person's takes of one day and model come to, without the newest lines (`ledger_sums`)."""

    __tablename__ = "day_sum"

    day: str = Field(primary_key=True)
    owner: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    micros: int = Field(sa_type=BigInteger)


class SpendSum(SQLModel, table=True):
    """What one person's takes of a day or month, model and template come to, up to a line (`spend_sums`)."""

    __tablename__ = "spend_sum"

    day: str = Field(primary_key=True)  #: that of a take's first line; "2026-11" adds up that month's days
    owner: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    template: int = Field(primary_key=True)  #: the version of the prompt template; 0: none
    takes: int
    priced: int  #: takes with an estimate
    unpriced: int  #: takes with neither an estimate nor a bill, which may cost something
    estimated_micros: int  #: what was estimated when they were asked for, in millionths of a dollar
    billed_micros: int
    open_micros: int  #: counts without a bill: reserved until one comes, the estimate where none does
    compared: int  #: takes with an estimate and a bill: how many, and what both come to
    compared_estimated_micros: int
    compared_billed_micros: int


class TakeInputs(SQLModel, table=True):
    """What a take was made of, as a digest; written by a sweep some minutes after the take was asked for."""

    __tablename__ = "take_inputs"
    __table_args__ = (
        Index("take_inputs_sha256", "sha256", "job_id"),
        Index(
            "take_inputs_same", "input_sha256", "job_id", sqlite_where=_DIGESTED, postgresql_where=_DIGESTED
        ),
        Index("take_inputs_old", "job_id", sqlite_where=_UNDIGESTED, postgresql_where=_UNDIGESTED),
        Index("take_inputs_twin", "job_id", sqlite_where=_HAS_TWIN, postgresql_where=_HAS_TWIN),
    )

    job_id: str = Field(primary_key=True)
    sha256: str  #: the same for takes of the same inputs; without a seed, for those of one person alone
    since_id: str  #: no take before this id counts as its twin
    #: the same for takes of the same inputs, whoever asked; None: an older program's row, not filled yet
    input_sha256: str | None = None
    twin_id: str | None = None  #: the latest earlier take of the same inputs; None: there is none that counts


class MonthStatement(SQLModel, table=True):
    """A month that was closed: what was known of it then, as bytes that never change."""

    __tablename__ = "month_statement"

    month: str = Field(primary_key=True)  #: "2026-10"
    closed_at: datetime = moment()
    closed_by: str
    content: str  #: JSON, as it is downloaded
    sha256: str  #: of the content in UTF-8


class Budget(SQLModel, table=True):
    """A limit that an admin set. Never changed: another amount ends it, and is a row of its own."""

    __tablename__ = "budget"
    __table_args__ = (
        Index(
            "budget_once", "scope", "name", "period", "hard",
            unique=True, sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE,
        ),
    )  # fmt: skip

    id: str = Field(primary_key=True)
    scope: str  #: whom it limits, a `BudgetScope`
    name: str = ""  #: the person or model that it is for; "": for each of them alone
    period: str  #: a `BudgetPeriod`
    hard: bool  #: a start may not pass it; a soft one only warns
    micros: int = Field(sa_type=BigInteger)  #: millionths of a dollar
    set_at: datetime = moment()
    set_by: str
    ended_at: datetime | None = moment(default=None)
    ended_by: str | None = None


class TeamPriceRule(SQLModel, table=True):
    """How a team has a model's takes priced, from `set_at` on. Append only: a model's newest one holds."""

    __tablename__ = "price_rule"
    __table_args__ = (Index("price_rule_endpoint", "endpoint", "id"),)

    id: str = Field(primary_key=True)
    endpoint: str  #: the model's id
    rule: dict[str, Any] | None = Field(default=None, sa_type=Json)  #: None: the program's own holds again
    note: str = Field(default="", sa_type=Text)
    set_at: datetime = moment()
    set_by: str
