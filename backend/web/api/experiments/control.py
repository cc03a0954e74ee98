"""Experiments, for clients: start, go on after the canary, pause, resume, close, retry."""

from collections.abc import Callable, Mapping

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.models import Experiment
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import control, retry, view
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import current_viewer
from backend.web.api.schemas import experiments as schemas

SUBJECT = "experiments"
#: How a path ends -> what is done, and how a client reads it.
DEEDS: Mapping[str, tuple[Callable[[Deps, Viewer, str], Experiment], str, str]] = {
    "start": (control.start, "start_experiment", "Have its takes made: first those of its canary."),
    "go-on": (control.go_on, "go_on_with_experiment", "Have all others made, once the canary was looked at."),
    "pause": (control.pause, "pause_experiment", "Make nothing more of it. What was sent comes home."),
    "resume": (control.resume, "resume_experiment", "Go on where it was paused."),
    "close": (control.close, "close_experiment", "End it: what was not sent is cancelled."),
    "retry": (retry.retry, "retry_experiment", "Make what failed, or could not be made, again."),
}
OPERATIONS = tuple(
    Operation(
        "POST", f"/api/experiments/<experiment_id>/{path}", name, words,
        {202: told("The experiment, as it is then.", schemas.ExperimentAnswer)},
        Do.EXPERIMENT, refusals=(404, 409), subject=SUBJECT,
    )
    for path, (_, name, words) in DEEDS.items()
)  # fmt: skip


def routes(deps: Deps) -> Blueprint:
    """Below /api/experiments. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("experiment_control", __name__, url_prefix="/experiments")
    for path, (do, name, _) in DEEDS.items():
        blueprint.add_url_rule(f"/<experiment_id>/{path}", name, _doing(deps, do), methods=["POST"])
    return blueprint


def _doing(deps: Deps, do: Callable[[Deps, Viewer, str], Experiment]) -> Callable[[str], ResponseReturnValue]:
    def answer(experiment_id: str) -> ResponseReturnValue:
        viewer = current_viewer()
        do(deps, viewer, experiment_id)
        return jsonify(view.experiment_json(view.get_own_experiment(deps, viewer, experiment_id))), 202

    return answer
