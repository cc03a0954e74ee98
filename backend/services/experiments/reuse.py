"""Stored takes that stand in for new ones: those made of the same inputs, the oldest first.

Never by rating: a prompt of which only favourites are taken looks better than it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.experiments.inputs import has_seed
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.plan import Plan
from backend.services.experiments.planning.cells import PlannedCell, trial_seed
from backend.services.takes import same_inputs
from backend.services.takes.check_request import CheckedRequest, check_request
from backend.services.takes.request import TakeRequest
from backend.store.experiments import reusable


@dataclass(frozen=True)
class PlannedTrial:
    """The place of one take. reused: the stored take that fills it; None: one is to be made."""

    cell: int  #: which of the cells, from 0
    number: int  #: within its cell, from 1
    seed: int | None
    reused: str | None = None


def plan_trials(deps: Deps, viewer: Viewer, plan: Plan, cells: Sequence[PlannedCell]) -> list[PlannedTrial]:
    """The trials of a plan, cell by cell; where it reuses takes, filled with those that there are."""
    trials = [
        PlannedTrial(place, number, trial_seed(plan, cell, number))
        for place, cell in enumerate(cells)
        for number in range(1, plan.repeats + 1)
    ]
    if not plan.reuse:
        return trials
    with deps.store.read() as session:
        return fill_trials(session, viewer, cells, trials, used={})


def fill_trials(
    session: Session,
    viewer: Viewer,
    cells: Sequence[PlannedCell],
    trials: Sequence[PlannedTrial],
    *,
    used: Mapping[int, set[str]],
) -> list[PlannedTrial]:
    """These trials with the stored takes that have their inputs, each at most once a cell.

    used: place of a cell -> takes that stand in it already.
    """
    checked = [cell.checked for cell in cells if cell.checked is not None and not cell.faults]
    contents = same_inputs.photo_contents(session, [_photos(one) for one in checked])
    digests = {
        place: _digest(cells[trial.cell].checked, trial.seed, contents)
        for place, trial in enumerate(trials)
        if not cells[trial.cell].faults
    }
    models = {one.model.id for one in checked}
    stored = stored_takes(session, {one for one in digests.values() if one}, models, viewer)
    taken_of = {place: set(takes) for place, takes in used.items()}
    filled = []
    for place, trial in enumerate(trials):
        taken = taken_of.setdefault(trial.cell, set())
        free = (take for take in stored.get(digests.get(place) or "", ()) if take not in taken)
        reused = next(free, None)
        taken.update({reused} if reused else ())
        filled.append(replace(trial, reused=reused))
    return filled


@dataclass(frozen=True)
class Generated:
    """What was made of some inputs. digest: of them, however they were written; takes: the oldest first."""

    digest: str
    seeded: bool  #: is a seed among them, so that the next take would be the same?
    takes: tuple[str, ...]


def list_generated(deps: Deps, viewer: Viewer, request: TakeRequest) -> Generated:
    """The whole stored takes that the viewer sees and that were made of the same inputs.

    Raises NotAllowed; InvalidRequest: the request can't be sent as it is.
    """
    viewer.must(Do.SEE)
    checked = check_request(deps, viewer, request)
    with deps.store.read() as session:
        contents = same_inputs.photo_contents(session, [_photos(checked)])
        digest = _digest(checked, None, contents)
        found = stored_takes(session, {digest}, {checked.model.id}, viewer).get(digest, ())
    return Generated(digest, has_seed(checked.payload), tuple(found))


def count_generated(deps: Deps, viewer: Viewer, request: TakeRequest) -> int:
    """How many those are. Raises as `list_generated` does."""
    return len(list_generated(deps, viewer, request).takes)


def stored_takes(
    session: Session, digests: set[str], models: Iterable[str], viewer: Viewer
) -> Mapping[str, Sequence[str]]:
    """digest -> takes made of these inputs, the oldest first, which are whole and which the viewer sees.

    What a sweep has not written down yet is looked at itself.
    """
    found: dict[str, list[str]] = {}
    if not digests:
        return found
    until = same_inputs.noted_until(session)  # first: what is written down meanwhile is then found twice
    for digest, take in reusable.noted_takes(session, digests, viewer.visible_names):
        found.setdefault(digest, []).append(take)
    later = reusable.unnoted_takes(session, set(models), viewer.visible_names, after=until)
    contents = same_inputs.photo_contents(session, [same_inputs.photos_of(take) for take in later])
    for take in later:
        digest = same_inputs.digest_of(take, contents)
        if digest in digests and take.id not in found.get(digest, ()):
            found.setdefault(digest, []).append(take.id)
    return found


def _digest(checked: CheckedRequest | None, seed: int | None, contents: Mapping[str, str]) -> str:
    if checked is None:
        return ""
    sent = checked.payload if seed is None else {**checked.payload, "seed": seed}
    return same_inputs.digest_inputs(
        checked.model.provider, checked.model.id, sent, _photos(checked), contents
    )


def _photos(checked: CheckedRequest) -> dict[str, Any]:
    return checked.request.photos_by_field(checked.model.image_field)
