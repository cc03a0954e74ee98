"""What columns of experiments may say: closed lists of words."""

from enum import StrEnum


class ExperimentState(StrEnum):
    """How far an experiment has come."""

    DRAFT = "draft"  #: planned; nothing was made
    CANARY = "canary"  #: its first takes are made, and then a person says whether it goes on
    RUNNING = "running"
    PAUSED = "paused"  #: what was sent comes home, nothing more is made
    CLOSED = "closed"


class AxisKind(StrEnum):
    """What is varied on an axis."""

    PROMPT = "prompt"
    VARIABLE = "variable"  #: of the prompt, `{{ garment }}`
    STYLE = "style"
    PARAMETER = "parameter"
    MODEL = "model"
    PHOTO = "photo"


class DesignKind(StrEnum):
    """Which combinations are made."""

    FULL = "full"
    FRACTION = "fraction"
    RANDOM = "random"
    ROWS = "rows"  #: those of a list


class SeedPolicy(StrEnum):
    """Which seeds the takes of a cell get."""

    PAIRED = "paired"  #: the n-th take of every cell has the same one
    FREE = "free"  #: none
    FIXED = "fixed"  #: all have one


class TrialState(StrEnum):
    """How far the place of a take in a cell is filled."""

    PLANNED = "planned"  #: no take yet
    MADE = "made"  #: it has a take, which is ended or not
    RETRIED = "retried"  #: another trial has taken its place
    DROPPED = "dropped"  #: it gets none
    BLOCKED = "blocked"  #: it could not be made; `why`


class TrialOrigin(StrEnum):
    """Where a trial's take comes from."""

    MADE = "made"
    REUSED = "reused"
    RETRIED = "retried"


class VoteKind(StrEnum):
    """Whose vote it is."""

    PERSON = "person"
    MACHINE = "machine"
    IMPORTED = "imported"


class LeftOut(StrEnum):
    """Why a vote does not count, the first reason that holds."""

    UNDONE = "undone"  #: it was taken back
    GONE = "gone"  #: a take of it stands for no cell any more
    MACHINE = "machine"
    EXCLUDED = "excluded"  #: a person left its rater out
    SIGHTED = "sighted"  #: its rater had seen which take is of which cell
