"""More of a take that is there: parts of it, a better model, its next scene."""

import pytest

from backend.domain.errors import NotFound, StateConflict
from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.services.gallery.lineage import list_origins
from backend.services.takes import photos
from backend.services.takes.remake.continuing import continue_take, photo_sibling
from backend.services.takes.remake.parts import Part, take_parts
from backend.services.takes.remake.promotion import list_promotions, promote_take
from backend.services.takes.request import parse_request
from tests.pages.conftest import SEED_MODEL
from tests.services.receiving import WAY
from tests.world import ANA, BEN, MODEL, PHOTO_MODEL

TAIL_MODEL = "fal-ai/kling-video/v2.5-turbo/pro/image-to-video"
FORM = parse_request(
    {"model": MODEL, "prompt": "Mine", "style": {"fabric": "Silk"}, "params": {"aspect_ratio": "1:1"}}
)


def earlier(still):
    params = {"aspect_ratio": "9:16", "duration": 10, "negative_prompt": "blur", "seed": 7}
    return still.ask("Theirs", model=SEED_MODEL, params=params, style={"camera": "Pan"})


@pytest.mark.parametrize(
    ("parts", "taken", "lost"),
    [
        ([Part.PROMPT], {"prompt": "Theirs"}, []),
        ([Part.LOOK], {"style": {"camera": "Pan"}}, []),
        ([Part.PROMPT, Part.LOOK], {"prompt": "Theirs", "style": {"camera": "Pan"}}, []),
        ([Part.PARAMETERS], {"params": {"aspect_ratio": "9:16", "duration": "10"}}, ["negative prompt blur"]),
        ([Part.SEED], {}, ["seed 7"]),
        ([Part.PHOTOS], {"image": None}, []),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_parts_of_a_take_join_what_the_form_holds_in_its_models_own_terms(still, parts, taken, lost):
    job = earlier(still)
    request, left_out = take_parts(still.deps, FORM, job, parts)
    expected = {name: getattr(FORM, name) for name in ("model", "prompt", "style", "params", "image")} | taken
    assert {name: getattr(request, name) for name in expected} == expected
    assert (left_out, request.made_from) == (lost, (Origin(job.id, OriginHow.RERUN),))


def test_everything_of_a_take_is_all_that_was_asked_for_with_its_model(still):
    job = earlier(still)
    request, _ = take_parts(still.deps, FORM, job, [Part.EVERYTHING, Part.PROMPT])
    assert (request.model, request.prompt, request.params) == (SEED_MODEL, "Theirs", job.params)
    photo = still.photo()
    shot = still.ask("Walk on", model=PHOTO_MODEL, image=photo)
    assert take_parts(still.deps, FORM, shot, [Part.PHOTOS])[1] == ["the start photo"]
    on_photo = parse_request({"model": PHOTO_MODEL, "prompt": "Mine"})
    assert take_parts(still.deps, on_photo, shot, [Part.PHOTOS])[0].image == photo


def test_a_take_is_promoted_to_what_costs_more_with_what_does_not_fit_and_the_difference_named(still):
    job = still.ask("A red dress", model="fal-ai/veo3.1/lite", params={"duration": "4s", "seed": 3})
    offers = list_promotions(still.deps, ANA, job.id)
    assert offers, "there is something better"
    assert all(
        offer.difference_usd is None or offer.difference_usd > 0 for offer in offers if not offer.resolution
    )
    families = [offer.model.id.startswith("fal-ai/veo3.1") for offer in offers]
    assert families == sorted(families, reverse=True), "its own family first"
    raised = [offer.resolution for offer in offers if offer.resolution]
    assert raised == ["1080p"]
    better = next(offer for offer in offers if offer.model.id == "fal-ai/veo3.1")
    assert better.difference_usd == pytest.approx((better.quote.usd or 0) - (job.estimate_usd or 0))
    lossy = next(offer for offer in offers if offer.left_out)
    assert lossy.left_out[0].startswith(("seed", "duration"))
    made = [promote_take(still.deps, ANA, job.id, better.id, key="one") for _ in range(2)]
    assert made[0].id == made[1].id
    assert (made[0].model, made[0].prompt) == ("fal-ai/veo3.1", "A red dress")
    told = list_origins(still.deps, ANA, [job.id]).led_to[job.id]
    assert told == [Origin(made[0].id, OriginHow.PROMOTED)]
    with pytest.raises(StateConflict):
        promote_take(still.deps, ANA, job.id, job.model, key="two")
    with pytest.raises(NotFound):
        list_promotions(still.deps, BEN, job.id)


def test_a_take_goes_on_from_its_last_frame_on_its_own_model_or_the_nearest_that_takes_a_photo(world):
    job = world.until(world.ask("A red dress", params={"duration": "5"}), "stored")
    request, left_out = continue_take(world.deps, ANA, job.id)
    (frame,) = photos.list_uploads(world.deps, ANA)
    assert (request.model, request.image, request.prompt) == (PHOTO_MODEL, frame.id, "A red dress")
    assert (request.params, left_out) == ({"duration": "5"}, [])
    made = world.ask(**{**request.body, "prompt": "And on", "model": TAIL_MODEL})  # takes a small photo
    assert list_origins(world.deps, ANA, [made.id]).made_from[made.id] == [Origin(job.id, OriginHow.FRAME)]
    assert photo_sibling([], MODEL) is None


def test_a_take_without_a_video_has_no_last_frame(still):
    job = still.advance(still.ask(), *WAY["failed"])
    with pytest.raises(StateConflict, match="no video"):
        continue_take(still.deps, ANA, job.id)
