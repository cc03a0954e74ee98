"""What every use case is given: one value that holds it all, made by `backend.bootstrap`."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Unpack

from sqlmodel import Session

from backend.catalogue.models import VideoModel
from backend.domain.clock import Clock
from backend.domain.errors import NotFound
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import DownloadLimits
from backend.media.storage.base import Storage
from backend.models import Job, JobColumns
from backend.providers.base import Provider
from backend.services.patient_look import PatientLook
from backend.settings import Settings
from backend.store.database.engine import Store
from backend.store.fast.delivery import TaskBuilder
from backend.store.jobs import jobs
from backend.store.records.start_facts import StartFacts


class ModelCatalogue(Protocol):
    """The models on offer now: a refresh that has ended, wherever, is seen by the next question."""

    def get(self, model_id: str) -> VideoModel:
        """The model with this id; KeyError: there is none."""

    def get_with_facts(self, model_id: str) -> tuple[VideoModel, StartFacts]:
        """The same, with what else its price and a start rest on, looked up in one question."""

    def recall(self, model_id: str) -> VideoModel:
        """The same, from memory, at most a second old: for titles and the like, asked for by the dozen."""

    def search(self, q: str = "", provider: str | None = None) -> list[VideoModel]:
        """Models whose id, title, category or description hold every word of `q`."""


class Carrier(Protocol):
    """What brings "look at this job" to a worker. It may do so twice, late or never: the row is the truth."""

    def enqueue_job(self, session: Session, job_id: str) -> None:
        """Have this job looked at soon, once the session's transaction is committed."""

    @property
    def enqueue_clause(self) -> TaskBuilder | None:
        """The same as a part of the statement that makes jobs due; None where the row is the message."""


class RowCarrier:
    """The row itself is the message: a worker sees that the database changed, and reads what is due."""

    def enqueue_job(self, session: Session, job_id: str) -> None:
        """Nothing to do: whoever calls this has made the row due."""

    @property
    def enqueue_clause(self) -> TaskBuilder | None:
        """Nothing to do."""
        return None


@dataclass(frozen=True)
class Deps:
    """Store, providers, storage, carrier, settings, clock. `stopping`: hand work back now."""

    settings: Settings
    clock: Clock
    store: Store
    storage: Storage
    guard: AddressGuard
    limits: DownloadLimits
    catalogue: ModelCatalogue
    providers: Mapping[str, Provider]
    open_storage: Callable[[str], Storage]  #: another place, by its URL, for a command
    carrier: Carrier = field(default_factory=RowCarrier)
    stopping: threading.Event = field(default_factory=threading.Event)
    #: What is looked at again and again, and may hang: one look each for the whole process.
    looks: dict[str, PatientLook[Any]] = field(init=False, default_factory=dict, repr=False, compare=False)

    #: What was worked out lately, by name, and when: believed a little while by who keeps it.
    lately: dict[str, tuple[float, Any]] = field(init=False, default_factory=dict, repr=False, compare=False)

    def get_provider(self, name: str) -> Provider:
        """The provider with this name; NotFound: this installation doesn't know it (any more)."""
        try:
            return self.providers[name]
        except KeyError:
            raise NotFound(f"There is no provider called {name}.") from None

    def wake_job(self, session: Session, job_id: str, *, at: datetime, **values: Unpack[JobColumns]) -> Job:
        """Make a job due at `at` and have it looked at then, as `jobs.make_due` does. Raises NotFound."""
        job = jobs.make_due(session, job_id, at=at, **values)
        self.carrier.enqueue_job(session, job_id)
        return job
