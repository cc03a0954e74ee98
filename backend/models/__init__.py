"""The tables, which are also the values passed around: read inside a transaction, read-only outside.

One import for all: `from backend.models import Job`. Moments are aware and UTC. Text columns that hold ids
are opaque. JSON columns hold plain data. Imports nothing of the program; start with `jobs.Job`.
"""

from sqlmodel import SQLModel

from backend.models.columns import BigInt, Json, PortableText, UtcDateTime, make_portable
from backend.models.experiments import (
    Cell,
    Criterion,
    Experiment,
    ExperimentAxis,
    ExperimentRater,
    FileCheck,
    FindingRow,
    Pair,
    PlanDraft,
    Score,
    Trial,
    Vote,
)
from backend.models.jobs import HELD, STRANDED, UNOPENED, WASTED, Delivery, History, Job, JobColumns, JobHead
from backend.models.library import (
    Collection,
    CollectionTake,
    Draft,
    LibraryColumns,
    Project,
    SavedView,
    TakeEdit,
    TakeOpinion,
    TakeOrigin,
    TakeTag,
    UndoStep,
)
from backend.models.media import TakeFile, Upload, Video
from backend.models.money import (
    Budget,
    DaySum,
    LedgerEntry,
    MonthStatement,
    SpendSum,
    TakeInputs,
    TeamPriceRule,
)
from backend.models.people import Favourite, Preset, Token
from backend.models.program import CatalogueEntry, KeyValue, Sweep
from backend.models.prompting import Template, VocabularyEntry
from backend.models.team import AuditEntry, LoginSession, Person, RefusedDeliveries

__all__ = [
    "HELD", "STRANDED", "UNOPENED", "WASTED", "AuditEntry", "BigInt", "Budget", "CatalogueEntry", "Cell",
    "Collection", "CollectionTake", "Criterion", "DaySum", "Delivery", "Draft", "Experiment",
    "ExperimentAxis", "ExperimentRater", "Favourite", "FileCheck", "FindingRow", "History", "Job",
    "JobColumns", "JobHead", "Json", "KeyValue", "LedgerEntry", "LibraryColumns", "LoginSession",
    "MonthStatement", "Pair", "Person", "PlanDraft", "PortableText", "Preset", "Project",
    "RefusedDeliveries", "SavedView", "Score", "SpendSum", "Sweep", "TakeEdit", "TakeFile", "TakeInputs",
    "TakeOpinion", "TakeOrigin", "TakeTag", "TeamPriceRule", "Template", "Token", "Trial", "UndoStep",
    "Upload", "UtcDateTime", "Video", "VocabularyEntry", "Vote",
]  # fmt: skip

make_portable(SQLModel.metadata)
