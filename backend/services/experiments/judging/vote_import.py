"""Votes that were made elsewhere, out of a file: all of them are kept, or none."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.domain.access.actions import Action
from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, StateConflict
from backend.domain.experiments.words import ExperimentState, VoteKind
from backend.domain.shape import load_json
from backend.domain.text import clean_text, fault_in, unknown_names
from backend.services.access import Viewer
from backend.services.audit.record import record
from backend.services.csv_rows import plain_cell
from backend.services.deps import Deps
from backend.services.experiments import rights
from backend.services.experiments.judging import criteria
from backend.services.experiments.judging.raters import NAME_MAX_CHARS
from backend.services.experiments.judging.votes import CHOICES, IS_CLOSED
from backend.store.experiments import ballots, raters

#: What a vote needs; `at` may be left out.
COLUMNS = ("left", "right", "choice", "rater", "at")
#: Besides, what votes have that were exported here: these are read,
READ = ("vote", "criterion", "kind", "both_bad", "sighted")
#: and these tell nothing that isn't known here, or that is of another installation.
UNREAD = (
    "experiment", "left_cell", "right_cell", "counted", "excluded", "question", "pair_why", "took_s",
    "seen_left_s", "seen_right_s", "shown_at",
)  # fmt: skip
KNOWN = (*COLUMNS, *READ, *UNREAD)
ROWS_MAX, FILE_MAX_BYTES = 100_000, 16 * 1024 * 1024
#: So many faults are named; a file with more has one kind of them.
FAULTS_MAX = 20
_KEY_START = "import:"
#: Other machines' clocks may be ahead by so much.
CLOCKS_APART = timedelta(minutes=10)
#: How a flag is written, in CSV and JSON.
FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}


@dataclass(frozen=True)
class Imported:
    """What became of a file. already: lines that were there: imported before, or exported from here."""

    imported: int
    already: int

    @property
    def words(self) -> str:
        """As people are told."""
        new = f"{self.imported:,} {'vote was' if self.imported == 1 else 'votes were'} imported"
        return f"{new}; {self.already:,} were here already." if self.already else f"{new}."


@dataclass(frozen=True)
class _Row:
    line: int
    left: str
    right: str
    choice: str
    rater: str
    at: datetime | None
    vote: str = ""
    criterion: str = ""
    is_machine: bool = False
    both_bad: bool = False
    sighted: bool = False

    def key(self, asked: str, number: int) -> str:
        """The same line of the same file is the same vote; number: the how manyth of equal lines."""
        told = "|".join(map(str, (asked, self.left, self.right, self.choice, self.rater, self.at, number)))
        return _KEY_START + hashlib.sha256(told.encode()).hexdigest()[:40]


def import_votes(
    deps: Deps, viewer: Viewer, experiment_id: str, content: bytes, *, criterion: str | None = None
) -> Imported:
    """Keep the votes of a file: CSV with a line of names, or JSON lines. What was imported before stays once.

    Votes that were exported come in as they were: a machine's stays one, a sighted one is not counted, those
    of another question of this experiment belong to it, and those that are here already add nothing.

    Raises:
        InvalidRequest: names every line at fault, and unknown takes; nothing was kept.
        NotAllowed: 403; it is somebody else's experiment. NotFound. StateConflict: it is closed.
    """
    viewer.must(Do.EXPERIMENT)
    with deps.store.read() as session:  # whose it is comes before what is wrong with the file
        rights.get_to_run(session, viewer, experiment_id)
    rows, faults = _read(content)
    with deps.store.begin() as session:
        experiment = rights.get_to_run(session, viewer, experiment_id)
        if experiment.state == ExperimentState.CLOSED:
            raise StateConflict(IS_CLOSED)
        asked = criteria.find_criterion(session, experiment, criterion)
        _check(rows, ballots.takes_of(session, experiment_id), deps.clock.now() + CLOCKS_APART, faults)
        raters.keep_criterion(session, asked)
        questions = {one.id for one in raters.list_criteria(session, experiment_id)}
        known, now = ballots.known_keys(session, experiment_id, _KEY_START), deps.clock.now()
        here = ballots.known_ids(session, experiment_id) if any(row.vote for row in rows) else set()
        met, new = Counter[str](), list[dict[str, Any]]()
        for row in rows:
            of = row.criterion if row.criterion in questions else asked.id
            met[plain := row.key(f"{experiment_id}:{of}", 0)] += 1
            key = row.key(f"{experiment_id}:{of}", met[plain])
            if key not in known and row.vote not in here:
                new.append(_values(deps, experiment_id, of, row, key, now))
        ballots.insert_votes(session, new)
        record(
            session, deps, viewer, Action.VOTES_IMPORTED, object_type="experiment", object_id=experiment_id,
            changed={"votes": (None, len(new))},
        )  # fmt: skip
    return Imported(len(new), len(rows) - len(new))


def _values(
    deps: Deps, experiment_id: str, criterion_id: str, row: _Row, key: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": deps.clock.new_id(), "experiment_id": experiment_id, "criterion_id": criterion_id,
        "left_job": row.left, "right_job": row.right, "rater": row.rater, "choice": row.choice,
        "both_bad": row.both_bad, "sighted": row.sighted, "at": row.at or now, "idempotency_key": key,
        "kind": VoteKind.MACHINE if row.is_machine else VoteKind.IMPORTED,
    }  # fmt: skip


def _check(rows: list[_Row], known: set[str], latest: datetime, faults: dict[str, str]) -> None:
    """Raise what is at fault, with the takes that are unknown and moments that are yet to come."""
    for row in rows:
        for side, take in (("left", row.left), ("right", row.right)):
            if take not in known:
                why = f"{side} names the take {take[:80]}, which is none of this experiment's"
                _add(faults, row.line, why)
        if row.at is not None and row.at > latest:
            _add(faults, row.line, f"at is {row.at:%Y-%m-%d %H:%M} UTC, which is yet to come")
    if faults:
        raise InvalidRequest(_some(dict(sorted(faults.items(), key=lambda one: int(one[0].split()[1])))))


def _read(content: bytes) -> tuple[list[_Row], dict[str, str]]:
    """The votes of a file, and which lines are none, and why."""
    if len(content) > FILE_MAX_BYTES:
        raise InvalidRequest({"file": f"is larger than {FILE_MAX_BYTES // 2**20} MiB; import it in parts"})
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest({"file": f"is no UTF-8 text (at byte {error.start})"}) from error
    faults: dict[str, str] = {}
    lines = _json_lines(text, faults) if text.lstrip().startswith("{") else _csv_lines(text)
    rows = [row for line, given in lines if (row := _row(line, given, faults))]
    if not rows and not faults:
        raise InvalidRequest({"file": f"has no votes; a line has {', '.join(COLUMNS)}"})
    if len(rows) > ROWS_MAX:
        raise InvalidRequest({"file": f"has {len(rows)} votes; at most {ROWS_MAX} are taken at a time"})
    return rows, faults


def _json_lines(text: str, faults: dict[str, str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = load_json(line.encode())
        except ValueError:
            given = None
        if isinstance(given, dict):
            yield number, given
        else:
            _add(faults, number, "is no JSON object")


def _csv_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    first = text.partition("\n")[0]
    between = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True)
    names = [(name or "").strip() for name in reader.fieldnames or ()]
    if missing := [name for name in COLUMNS if name not in names and name != "at"]:
        raise InvalidRequest({"file": f"has no column {', '.join(missing)}; a line has {', '.join(COLUMNS)}"})
    if unknown := unknown_names(filter(None, names), KNOWN):
        raise InvalidRequest(unknown)
    reader.fieldnames = names
    try:
        for given in reader:
            row: dict[Any, Any] = {**given}
            more = row.pop(None, None)  # where csv puts what stands beyond the names
            row = {name: plain_cell(cell) if cell else cell for name, cell in row.items()}
            yield reader.line_num, {**row, **({"": more} if more else {})}
    except csv.Error as error:
        raise InvalidRequest({f"line {reader.line_num}": f"is no CSV ({error})"}) from error


def _row(line: int, given: Mapping[str, Any], faults: dict[str, str]) -> _Row | None:
    if unknown := unknown_names([name for name in given if name], KNOWN):
        _add(faults, line, "; ".join(f"{name} {why}" for name, why in unknown.items()))
    if "" in given:
        _add(faults, line, "has more cells than names")
    texts = {name: clean_text(str(given.get(name) or "")).strip() for name in (*COLUMNS, *READ)}
    texts["choice"] = texts["choice"].lower()
    for name in COLUMNS[:-1]:
        if not texts[name]:
            _add(faults, line, f"{name} is missing")
    if texts["choice"] and texts["choice"] not in CHOICES:
        _add(faults, line, f"choice is {texts['choice'][:40]}; it must be one of {', '.join(CHOICES)}")
    if texts["left"] and texts["left"] == texts["right"]:
        _add(faults, line, "shows a take against itself")
    if len(texts["rater"]) > NAME_MAX_CHARS or fault_in(texts["rater"]):
        _add(faults, line, f"rater {fault_in(texts['rater']) or 'is too long'}")
    at, flags = _moment(line, texts["at"], faults), _flags(line, texts, faults)
    if texts["kind"] and texts["kind"] not in list(VoteKind):
        _add(faults, line, f"kind is {texts['kind'][:40]}; it must be one of {', '.join(VoteKind)}")
    if f"line {line}" in faults:
        return None
    return _Row(
        line, texts["left"], texts["right"], texts["choice"], texts["rater"], at, texts["vote"],
        texts["criterion"], texts["kind"] == VoteKind.MACHINE, **flags,
    )  # fmt: skip


def _flags(line: int, texts: Mapping[str, str], faults: dict[str, str]) -> dict[str, bool]:
    found = {}
    for name in ("both_bad", "sighted"):
        said = texts[name].lower()
        if said not in FLAGS:
            _add(faults, line, f"{name} is {said[:40]}; it must be true or false")
        found[name] = FLAGS.get(said, False)
    if found["both_bad"] and texts["choice"] != "tie":
        _add(faults, line, "both_bad goes with a tie: neither is better")
    return found


def _moment(line: int, text: str, faults: dict[str, str]) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        _add(faults, line, f"at is {text[:40]}, which is no moment like 2026-11-21T09:00:00Z")
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _add(faults: dict[str, str], line: int, why: str) -> None:
    name = f"line {line}"
    faults[name] = f"{faults[name]}; {why}" if name in faults else why


def _some(faults: dict[str, str]) -> dict[str, str]:
    """The first of them, and how many there are."""
    if len(faults) <= FAULTS_MAX:
        return faults
    first = dict(list(faults.items())[:FAULTS_MAX])
    return {**first, "file": f"has {len(faults)} lines at fault; these are the first. None was imported"}
