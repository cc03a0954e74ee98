"""What some columns may say, besides a job's states and events: closed lists of words."""

from enum import StrEnum


class Verdict(StrEnum):
    """What was made of a webhook delivery."""

    APPLIED = "applied"  #: it moved its job
    NO_EFFECT = "no_effect"  #: its job had moved on already
    ASKED = "asked"  #: not clear by itself; the provider is asked
    STALE = "stale"  #: genuine, too old to act on; the provider is asked
    UNREADABLE = "unreadable"  #: genuine, but not readable; the provider is asked
    CONFLICT = "conflict"  #: another body under the same name; the provider is asked
    ORPHAN = "orphan"  #: ours, for a job that is not in this database
    DUPLICATE = "duplicate"  #: in the inbox already: its copies are counted, no row says this


class EntryKind(StrEnum):
    """What a line of the ledger stands for."""

    ESTIMATE = "estimate"  #: what the job will cost, as far as is known when it is asked for
    BILL = "bill"  #: what the provider billed, in place of the estimate
    RELEASE = "release"  #: nothing was billed: it counts for nothing
    RESTORE = "restore"  #: it counts again, for its estimate


class BudgetScope(StrEnum):
    """Whose takes a limit adds up."""

    ALL = "all"  #: everybody's
    PERSON = "person"  #: one person's, or each person's alone
    MODEL = "model"  #: one model's, or each model's alone
    PROJECT = "project"  #: one project's, or each project's alone: of the takes that are in it now
    COLLECTION = "collection"  #: one collection's, or each one's alone: of the takes that are in it now


class BudgetPeriod(StrEnum):
    """How long a limit adds takes up, until it renews."""

    DAY = "day"
    MONTH = "month"


class Health(StrEnum):
    """How well something does, as everybody who watches is told."""

    GREEN = "green"
    AMBER = "amber"  #: worth a look
    RED = "red"  #: it does not work
