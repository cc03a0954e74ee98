"""An experiment in the studio: three garments by three camera moves, judged by three people."""

from random import Random

from backend.models import Pair
from backend.services.access import Role, Viewer
from backend.services.experiments import control, create, view
from backend.services.experiments.judging import pairs, raters, votes
from backend.services.experiments.plan import parse_plan
from tests.tour.studio import MODEL, Studio
from tests.waiting import eventually

AXES = {
    "garment": ["red silk dress", "blue linen coat", "pleated skirt"],
    "move": ["slow pan", "handheld", "crane up"],
}
PLAN = {
    "name": "Which camera move?",
    "base": {"model": MODEL, "prompt": "A {{ garment }} by the sea in morning light, {{ move }}"},
    "axes": AXES,
    "repeats": 2,
    "canary": 0,
    "at_once": 12,
    "cap_usd": 20,
}
RATERS = ("bea", "carl", "dora")
#: Answers of each rater, and how much better a take with this value is, in their eyes.
ANSWERS, BETTER = 48, {"crane up": 0.9, "handheld": -0.5, "red silk dress": 0.4}


def run_experiment(studio: Studio) -> str:
    """Its id, once its takes are here and judged; whoever sits there has seen the names."""
    deps, owner = studio.deps, studio.viewer
    made = create.create_experiment(deps, owner, parse_plan(PLAN)).experiment.id
    control.start(deps, owner, made)
    eventually(lambda: not view.get_experiment(deps, owner, made).counts["planned"], within_s=600)
    eventually(lambda: not view.get_experiment(deps, owner, made).counts["processing"], within_s=600)
    worth = _worth(view.get_experiment(deps, owner, made))
    chance = Random(1)
    for number in range(ANSWERS):
        for name in RATERS:
            _answer(studio, Viewer(name, Role.CREATOR), made, worth, chance, number)
    raters.note_sighted(deps, owner, made)
    return made


def _worth(found: view.ExperimentView) -> dict[str, float]:
    levels = {cell.id: cell.levels for cell in found.cells}
    return {
        trial.job_id: sum(BETTER.get(level, 0.0) for level in levels[cell].values())
        for cell, trials in found.trials.items()
        for trial in trials
        if trial.job_id
    }


def _answer(
    studio: Studio, rater: Viewer, made: str, worth: dict[str, float], chance: Random, number: int
) -> None:
    for shown in pairs.next_pairs(studio.deps, rater, made, number=1):
        with studio.deps.store.read() as session:
            pair = session.get_one(Pair, shown.pair)
        ahead = worth[pair.left_job] - worth[pair.right_job] + chance.gauss(0, 0.7)
        choice = "left" if ahead > 0.25 else "right" if ahead < -0.25 else "tie"
        votes.cast_vote(
            studio.deps, rater, made, pair=shown.pair, choice=choice, key=f"{rater.name}-{number}"
        )
