"""Can it do its work now? Each part is tried by what the work does with it: written to, read back, undone.

Whatever is asked may hang, so each part has a look of its own in the background, and nobody waits longer
than `WAIT_S` for all of them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from backend.domain.errors import MediaError, StorageFull, StoreUnavailable
from backend.domain.kinds import Health
from backend.domain.text import join_sentences
from backend.media.storage.local import LocalStorage
from backend.services.deps import Deps
from backend.services.operations import heartbeat
from backend.services.patient_look import NoAnswer, PatientLook
from backend.store.database.connect_advice import split_failure
from backend.store.records import key_values

#: How long anybody waits for what hangs, in seconds: with what else a page does that stays under two.
WAIT_S = 1.5
#: Of that, after how much a database counts as hanging: those who wait for it are to hear of it in time.
_HANGS_SHARE = 0.6


@dataclass(frozen=True)
class HealthCheck:
    """One thing that must be good. message: what is found.

    remedy: what whoever runs Dailies does when it isn't good; nobody else is told that. is_amber: it works,
    and is worth a look all the same.
    """

    name: str
    good: bool
    message: str
    remedy: str = ""
    is_amber: bool = False

    @property
    def health(self) -> Health:
        """The same as a colour."""
        works = Health.AMBER if self.is_amber else Health.GREEN
        return works if self.good else Health.RED

    @property
    def says(self) -> str:
        """All of it, for whoever runs Dailies."""
        return join_sentences(self.message, self.remedy)


def check_readiness(deps: Deps, *, within_s: float | None = None) -> list[HealthCheck]:
    """Database, data folder and storage; and a worker's heartbeat, when the database can tell of it.

    within_s: how long to wait for what doesn't answer; `WAIT_S` unless told otherwise.
    """
    until = time.monotonic() + (WAIT_S if within_s is None else within_s)
    looks = [(part.name, _look(deps, part)) for part in _PARTS]
    _free_bytes(deps).begin()
    for _, look in looks:
        look.begin()
    found: dict[str, HealthCheck] = {}
    for name, look in looks:
        seen = _outcome(name, look, within_s=until - time.monotonic())
        if name not in found or found[name].good:
            found[name] = seen
    if not found["database"].good:
        del found["worker"]
    return list(found.values())


def database_hangs(deps: Deps) -> bool:
    """Does the database say nothing at all? Errors it says itself, to whoever asks it."""
    look = PatientLook(partial(_tried, deps, _PARTS[0]), believed_s=0.4)
    try:
        deps.looks.setdefault("database hangs", look).outcome(within_s=_HANGS_SHARE * WAIT_S)
    except NoAnswer:
        return True
    return False


def free_bytes(deps: Deps) -> int | None:
    """How much more fits into storage; None: nobody can tell."""
    try:
        return _free_bytes(deps).outcome(within_s=WAIT_S)
    except NoAnswer:
        return None


def data_folders(deps: Deps) -> set[Path]:
    """Where the work writes on this host's own disk, besides storage."""
    folders = {deps.settings.data_dir.resolve(), deps.settings.parts_dir}
    if deps.store.embedded and (file := make_url(deps.store.url).database):
        folders.add(Path(file).resolve().parent)
    return folders


def _read_database(deps: Deps) -> str:
    with deps.store.read() as session:
        key_values.get_value(session, "check")
    return "It answers."


def _write_row(deps: Deps) -> str:
    name, now = f"check:{deps.clock.new_id()}", deps.clock.now()
    deps.store.try_write(lambda session: key_values.set_value(session, name, {}, at=now))
    return "It can be read and written."


def _write_folders(deps: Deps) -> str:
    for folder in sorted(data_folders(deps)):
        try:
            LocalStorage(folder).check_writable()
        except MediaError as error:
            raise StorageFull(f"{folder}: {error}").for_operators(error.remedy) from error
    return "It can be written to."


def _ask_storage(deps: Deps) -> str:
    deps.storage.check_answers()
    return "It answers."


def _write_storage(deps: Deps) -> str:
    remarks = deps.storage.check_writable()
    return f"It can be written to. {remarks}".strip()


def _hear_worker(deps: Deps) -> HealthCheck:
    signs = heartbeat.list_workers(deps)
    health = heartbeat.judge_all(signs)
    silent = [sign for sign in signs if sign.health != Health.GREEN]
    if health == Health.RED:
        since = f" since {signs[0].last_seen_at:%Y-%m-%d %H:%M} UTC" if signs else ""
        says = f"No worker was seen{since}: takes are kept and wait."
        return HealthCheck("worker", False, says, remedy="Start one: python -m backend worker")
    living = len(signs) - len(silent)
    words = [f"{living} at work"] if living else ["no worker was seen for two leases or longer"]
    words += [f"{sign.name} has been silent for {sign.silent_s:.0f} s" for sign in silent]
    said = ", ".join(words)
    return HealthCheck("worker", True, f"{said[0].upper()}{said[1:]}.", is_amber=health == Health.AMBER)


@dataclass(frozen=True)
class _Part:
    """One thing to try. believed_s, silent_s: as `PatientLook` has them."""

    name: str
    attempt: Callable[[Deps], str | HealthCheck]
    believed_s: float
    silent_s: float


#: What is tried; of several by one name the first that is bad counts. A bucket that went away is found within
#: ten seconds. Rows and files wait their turn behind the work's own, and a bucket takes a dozen requests.
_PARTS = (
    _Part("database", _read_database, 0.0, 3.0),
    _Part("database", _write_row, 10.0, 20.0),
    _Part("data folder", _write_folders, 5.0, 20.0),
    _Part("storage", _ask_storage, 5.0, 3.0),
    _Part("storage", _write_storage, 5.0, 60.0),
    _Part("worker", _hear_worker, 0.0, 3.0),
)


def _free_bytes(deps: Deps) -> PatientLook[int | None]:
    look = PatientLook(lambda: deps.storage.free_bytes(), believed_s=0.0, silent_s=60.0)
    return deps.looks.setdefault("free bytes", look)


def _look(deps: Deps, part: _Part) -> PatientLook[HealthCheck]:
    """The one look of this process at this part."""
    look = PatientLook(partial(_tried, deps, part), believed_s=part.believed_s, silent_s=part.silent_s)
    return deps.looks.setdefault(part.attempt.__name__, look)


def _tried(deps: Deps, part: _Part) -> HealthCheck:
    try:
        found = part.attempt(deps)
        return found if isinstance(found, HealthCheck) else HealthCheck(part.name, True, found)
    except MediaError as error:
        return HealthCheck(part.name, False, str(error), error.remedy)
    except (StoreUnavailable, SQLAlchemyError) as error:
        what = "written to" if part.attempt is _write_row else "used"
        driver = error.why if isinstance(error, StoreUnavailable) else type(error).__name__
        why, remedy = split_failure(driver)
        return HealthCheck(part.name, False, f"It can't be {what}: {why}.", remedy)


def _outcome(name: str, look: PatientLook[HealthCheck], *, within_s: float) -> HealthCheck:
    try:
        return look.outcome(within_s=within_s)
    except NoAnswer as error:
        says = f"It has not answered for {error.after_s:.0f} s: it hangs, or has too much to do."
        return HealthCheck(name, False, says)
