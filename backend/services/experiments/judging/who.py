"""Who may judge an experiment."""

from sqlmodel import Session

from backend.domain.access.roles import Do, Role
from backend.domain.errors import NotAllowed, NotFound
from backend.models import Experiment
from backend.services.access import Viewer
from backend.store.experiments import raters, running


def admit_rater(session: Session, viewer: Viewer, experiment_id: str) -> Experiment:
    """The experiment, for somebody who may vote in it.

    Raises:
        NotAllowed: 403; the viewer may not vote at all, or was not invited.
        NotFound: there is none, or none that this viewer may know of.
    """
    viewer.must(Do.VOTE)
    experiment = running.get(session, experiment_id)
    if viewer.owns(experiment.owner) or viewer.role is Role.ADMIN:
        return experiment
    known = raters.find_rater(session, experiment_id, viewer.name)
    if known is not None and known.invited_at is not None:
        return experiment
    if not viewer.may_see(experiment.owner):
        raise NotFound(running.NO_EXPERIMENT)
    if not experiment.open_to_team:
        why = (
            "Only people who were invited judge these videos, and you are not among them yet. "
            "Ask whoever sent you the link."
        )
        raise NotAllowed(why, status=403, deed=Do.VOTE)
    return experiment
