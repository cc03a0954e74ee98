"""The next scene: a take goes on from its last frame."""

import os.path

from backend.catalogue.models import VideoModel
from backend.domain.errors import StateConflict
from backend.domain.library.review import OriginHow
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.takes import photos
from backend.services.takes.remake.fitting import fit_params
from backend.services.takes.remake.promotion import family
from backend.services.takes.request import TakeRequest, parse_request, repeat_request


def continue_take(deps: Deps, viewer: Viewer, job_id: str) -> tuple[TakeRequest, list[str]]:
    """A request that starts from the last frame of a take, which is among the viewer's photos then.

    Its model is the take's own where that starts from a photo, else the nearest that does. The prompt and the
    look stay, to be edited; the seed and further photos don't. Also, in words, what finds no place.

    Raises:
        NotFound, NotAllowed: not this viewer's to do.
        StateConflict: the take has no video (yet), or no model on offer starts from a photo.
        MediaError: no picture can be read from its file, or none kept.
    """
    job = gallery.get_take(deps, viewer, job_id).job
    usable = {model.id: model for model in gallery.list_usable_models(deps)}
    model = usable.get(job.model)
    if model is None or model.image_field is None:
        model = photo_sibling(list(usable.values()), job.model)
    if model is None:
        raise StateConflict("No model on offer starts from a photo.")
    upload = photos.upload_from_take(deps, viewer, job_id, last=True)
    before = repeat_request(job)
    params, left_out = dict(before.params), list[str]()
    params.pop("seed", None)
    if model.id != job.model:
        try:
            params, left_out = fit_params(params, deps.catalogue.recall(job.model), model)
        except KeyError:
            params = {}
    body = {
        "model": model.id, "prompt": before.prompt, "style": before.style, "params": params,
        "image": upload.id, "made_from": [{"take": job_id, "how": str(OriginHow.FRAME)}],
        "project": before.project,
    }  # fmt: skip
    return parse_request(body), left_out


def photo_sibling(models: list[VideoModel], model_id: str) -> VideoModel | None:
    """The one that starts from a photo and whose id is nearest to the one named; None: none does."""
    known = [model for model in models if model.image_field is not None]

    def nearness(model: VideoModel) -> tuple[bool, int, str]:
        common = len(os.path.commonpath([model.id, model_id]))
        return family(model.id) != family(model_id), -common, model.title

    return min(known, key=nearness, default=None)
