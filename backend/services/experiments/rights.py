"""Whose an experiment is to look at and to run: its owner's, and a reviewer's."""

from sqlmodel import Session

from backend.domain.access.roles import Do, allows
from backend.domain.errors import NotAllowed
from backend.models import Experiment
from backend.services.access import Viewer
from backend.services.experiments.view import seen_experiment


def get_to_run(session: Session, viewer: Viewer, experiment_id: str) -> Experiment:
    """The experiment with this id, for who may plan and run it; locked where the session writes.

    Raises:
        NotAllowed: 403; it may be seen, and is not this viewer's to run.
        NotFound: there is none with that id that this viewer may see.
    """
    viewer.must(Do.EXPERIMENT)
    experiment = seen_experiment(session, viewer, experiment_id)
    if not viewer.owns(experiment.owner) and not allows(viewer.role, Do.CHANGE_OTHERS):
        why = f"This experiment is {experiment.owner}'s; they or a reviewer can run it."
        raise NotAllowed(why, status=403, deed=Do.CHANGE_OTHERS)
    return experiment
