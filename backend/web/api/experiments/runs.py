"""Experiments, for clients: plan, price, create, look."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.services.deps import Deps
from backend.services.experiments import change, create, extend, findings, quote, view
from backend.services.experiments.plan import Plan, parse_plan
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import body_as, current_viewer, query_as
from backend.web.api.schemas import experiments as schemas

SUBJECT = "experiments"
OPERATIONS = (
    Operation(
        "POST", "/api/experiments", "create_experiment",
        "Keep a plan as a draft, or tell what it comes to. Nothing is paid.",
        {
            200: told("A dry run: what it comes to. Nothing is written.", schemas.FiguresAnswer),
            201: told("The draft, and what it comes to.", schemas.CreatedAnswer),
        },
        Do.EXPERIMENT, query=schemas.PlanQuery, headers=schemas.ExperimentKey, body=schemas.PlanBody,
        reads_body=parse_plan, refusals=(409,), subject=SUBJECT, leads_to=("get_experiment",),
    ),
    Operation(
        "GET", "/api/experiments", "list_experiments", "Experiments, the newest first, in pages.",
        {200: told("A page of them.", schemas.ExperimentList)}, Do.SEE,
        query=schemas.ExperimentsQuery, subject=SUBJECT,
    ),
    Operation(
        "GET", "/api/experiments/<experiment_id>", "get_experiment", "One experiment.",
        {200: told("It.", schemas.ExperimentAnswer)}, Do.SEE, refusals=(404,), subject=SUBJECT,
    ),
    Operation(
        "PATCH", "/api/experiments/<experiment_id>", "change_experiment",
        "Give it further values, combinations or another cap, also while it runs.",
        {200: told("The experiment.", schemas.ExperimentAnswer)},
        Do.EXPERIMENT, body=schemas.ExtensionBody, reads_body=dict, refusals=(404, 409), subject=SUBJECT,
    ),
    Operation(
        "POST", "/api/experiments/<experiment_id>/cells", "change_cells",
        "Have more takes of cells made, with a cap that rises, and drop cells: all at once, or nothing.",
        {200: told("The experiment.", schemas.ExperimentAnswer)},
        Do.EXPERIMENT, body=schemas.CellsBody, refusals=(404, 409), subject=SUBJECT,
    ),
)  # fmt: skip


def routes(deps: Deps) -> Blueprint:
    """Below /api/experiments. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("experiments", __name__, url_prefix="/experiments")

    @blueprint.post("")
    def create_experiment() -> ResponseReturnValue:
        viewer, plan = current_viewer(), body_as(Plan)
        if query_as(schemas.PlanQuery).dry_run == "1":
            figures = quote.dry_run(deps, viewer, plan)
            if figures.wrong:
                raise InvalidRequest(figures.wrong)
            return jsonify(quote.figures_json(figures))
        key = request.headers.get("Idempotency-Key")
        made = create.create_experiment(deps, viewer, plan, idempotency_key=key)
        named = {"id": made.experiment.id, "state": made.experiment.state}
        return jsonify({**named, **quote.figures_json(made.figures)}), 201

    @blueprint.get("")
    def list_experiments() -> ResponseReturnValue:
        asked = query_as(schemas.ExperimentsQuery)
        page = view.list_experiments(
            deps, current_viewer(), limit=asked.limit, cursor=asked.cursor, whole=asked.cells != "0"
        )
        return jsonify(items=list(map(view.experiment_json, page.items)), next_cursor=page.next_cursor)

    @blueprint.get("/<experiment_id>")
    def get_experiment(experiment_id: str) -> ResponseReturnValue:
        viewer = current_viewer()
        found = findings.with_verdict(deps, viewer, view.get_experiment(deps, viewer, experiment_id))
        return jsonify(view.experiment_json(found))

    @blueprint.patch("/<experiment_id>")
    def change_experiment(experiment_id: str) -> ResponseReturnValue:
        viewer = current_viewer()
        extend.extend_experiment(deps, viewer, experiment_id, body_as(dict))
        return jsonify(view.experiment_json(view.get_own_experiment(deps, viewer, experiment_id)))

    @blueprint.post("/<experiment_id>/cells")
    def change_cells(experiment_id: str) -> ResponseReturnValue:
        viewer, asked = current_viewer(), body_as(schemas.CellsBody)
        change.change_cells(
            deps, viewer, experiment_id, takes=asked.takes, drop=asked.drop, raise_cap_usd=asked.raise_cap_usd
        )
        return jsonify(view.experiment_json(view.get_own_experiment(deps, viewer, experiment_id)))

    return blueprint
