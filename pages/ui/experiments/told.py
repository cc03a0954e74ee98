"""Experiments as the pages tell them: as the API does, with the verdict of now."""

from typing import Any

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import findings, view
from backend.services.experiments.view import ExperimentSummary

#: With more cells a verdict takes its time: it is worked out on the step Learn alone.
CELLS_MAX = 60


def told(deps: Deps, viewer: Viewer, found: ExperimentSummary) -> dict[str, Any]:
    """An experiment that this viewer may see; its verdict is worked out, if nobody has looked yet."""
    about = {**view.experiment_json(found), "not_made": found.not_made}
    if found.votes and found.cell_number <= CELLS_MAX:
        about["verdict"] = findings.current_verdict(deps, viewer, found.experiment.id)
    return about
