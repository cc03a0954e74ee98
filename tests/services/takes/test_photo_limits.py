"""Photos against the model's own limits, one or several to a field: refused before anything is sent."""

import io

import pytest
from PIL import Image

from backend.catalogue.photo_limits import PhotoLimits
from backend.domain.errors import InvalidRequest
from backend.providers.base import ProviderRecord, RequestRef
from backend.services.access import Role, Viewer
from backend.services.catalogue import live_catalogue
from backend.services.lifecycle import reconcile
from backend.services.takes import create, photos, presets
from backend.services.takes.check_request import PHOTO_TO_COME, check_request
from backend.services.takes.request import parse_request
from backend.store.records import uploads
from backend.web.api import model_json, take_json
from tests.waiting import eventually
from tests.world import ANA

LIMITED = "fal-ai/kling-video/v3/turbo/pro/image-to-video"
FRAMES = "bytedance/seedance-2.0/fast/image-to-video"
FREE = "fal-ai/minimax/hailuo-2.3/standard/image-to-video"
SEVERAL = "fal-ai/veo3.1/reference-to-video"
COUNTED = "bytedance/seedance-2.0/fast/reference-to-video"
MB = 1024 * 1024


def photo(world, size=(640, 480), colour="teal", viewer=ANA) -> str:
    raw = io.BytesIO()
    Image.new("RGB", size, colour).save(raw, "JPEG")
    return photos.create_upload(world.deps, viewer, raw.getvalue(), file_name="look.jpg").id


def faults(world, model, **more) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        world.ask("Walk on", model=model, **more)
    return refused.value.fields


def grown(world, upload_id: str, size_bytes: int) -> str:
    """The upload as if it had so many bytes."""
    with world.deps.store.begin() as session:
        uploads.get(session, upload_id).size_bytes = size_bytes
    return upload_id


def test_a_photo_that_is_too_small_is_refused_and_nothing_is_sent(world):
    said = faults(world, LIMITED, image=photo(world, (200, 150)))
    title = world.deps.catalogue.get(LIMITED).title
    assert said == {"image": f"is 200 × 150 px; {title} needs at least 300 × 300: take a larger one"}
    assert world.ledger()["posts"] == []


def test_a_last_frame_that_is_too_heavy_is_refused_by_its_own_name(world):
    last = grown(world, photo(world, colour="navy"), 31 * MB)
    said = faults(world, FRAMES, image=photo(world), images={"end_image_url": last})
    assert list(said) == ["images.end_image_url"]
    assert "has 31 MB" in said["images.end_image_url"]
    assert "at most 30 MB" in said["images.end_image_url"]


def test_a_model_that_says_nothing_takes_any_photo_of_ours(world):
    job = world.ask("Walk on", model=FREE, image=photo(world, (40, 30)))
    assert world.until(job, "stored")


def test_the_simulated_fal_refuses_what_our_check_refuses(world, monkeypatch):
    monkeypatch.setattr(PhotoLimits, "find_fault", lambda *_, **__: None)  # the control: no check
    job = world.ask("Walk on", model=LIMITED, image=photo(world, (200, 150)))
    assert world.until(job, "failed").error["code"] == "image_too_small"


def test_what_is_known_of_the_photos_survives_a_refresh(world):
    before = world.deps.catalogue.get(LIMITED).photo_limits
    live_catalogue.refresh_catalogue(world.deps, on_progress=lambda line: None)
    model = world.deps.catalogue.get(LIMITED)
    assert model.photo_limits["image_url"]["min_width"] == before["image_url"]["min_width"] == 300
    assert model.photo_limits["image_url"]["types"] == before["image_url"]["types"]
    assert "image" in faults(world, LIMITED, image=photo(world, (200, 150)))
    assert model_json(model)["photo_limits"] == model.photo_limits


# -- several photos in one field ------------------------------------------------------------------


def test_several_photos_reach_the_models_own_list_in_order_and_the_take_comes_home(world):
    chosen = [photo(world, colour=colour) for colour in ("red", "green", "navy")]
    job = world.ask("They meet", model=SEVERAL, images={"image_urls": chosen})
    world.until(job, "stored")
    (post,) = world.ledger()["posts"]
    links = post["input"]["image_urls"]
    with world.deps.store.read() as session:
        assert links == [uploads.get(session, one).provider_url for one in chosen]
    assert all(link.startswith(world.sim.url) for link in links)
    assert take_json(world.deps, world.take(job))["images"] == {"image_urls": chosen}


def test_a_list_may_hold_links_and_uploads_side_by_side(world):
    link = f"{world.sim.url}/nowhere.jpg"
    given = {"model": SEVERAL, "prompt": "They meet", "images": {"image_urls": [photo(world), link]}}
    checked = check_request(world.deps, ANA, parse_request(given))
    assert checked.shown_payload()["image_urls"] == [PHOTO_TO_COME, link]
    world.look(create.create_job(world.deps, ANA, parse_request(given)))
    (post,) = world.ledger()["posts"]
    assert post["input"]["image_urls"][1] == link


def test_a_list_that_does_not_fit_is_refused_by_its_name(world):
    ours, theirs = photo(world), photo(world, colour="navy", viewer=Viewer("ben", Role.CREATOR))
    name = "images.image_urls"
    for images, why in (
        ({"image_urls": ours}, "takes a list of photos"),
        ({"image_urls": [ours, 5]}, "one of them is a number"),
        ({"image_urls": [ours, ""]}, "one of them is empty"),
        ({"image_urls": [ours, None]}, "one of them is nothing"),
        ({"image_urls": [ours, theirs]}, "photo 2 there is no upload"),
        ({"image_urls": [ours, "file:///etc/passwd"]}, "photo 2 is neither"),
        ({"image_urls": [ours] * 51}, "at most 50"),
    ):
        assert why in faults(world, SEVERAL, images=images)[name], images
    assert "takes one photo" in faults(
        world, FRAMES, image=ours, images={"end_image_url": [ours]}
    )["images.end_image_url"]  # fmt: skip
    link = "https://example.org/a.jpg"
    assert name in faults(world, SEVERAL, images={"image_urls": [ours]}, params={"image_urls": [link]})
    assert world.ledger()["posts"] == []


def test_more_photos_than_the_model_takes_are_refused_with_both_numbers(world):
    said = faults(world, COUNTED, images={"image_urls": [photo(world)] * 10})
    assert said == {"images.image_urls": "must have at most 9 entries; it has 10"}


def test_a_required_list_counts_as_missing_when_it_is_left_out_or_empty(world):
    assert "params.image_urls" in faults(world, SEVERAL)
    assert "params.image_urls" in faults(world, SEVERAL, images={"image_urls": []})


def test_each_photo_of_a_list_is_held_against_the_limits(world):
    heavy = grown(world, photo(world, colour="navy"), 9 * MB)
    said = faults(world, SEVERAL, images={"image_urls": [photo(world), heavy]})["images.image_urls"]
    assert said.startswith("photo 2 has 9 MB; ")


def test_a_record_with_another_photo_in_the_list_is_not_this_take(world):
    chosen = [photo(world, colour=colour) for colour in ("red", "navy")]
    job = world.look(world.ask("x", model=SEVERAL, images={"image_urls": chosen}))
    (post,) = world.ledger()["posts"]
    first, second = post["input"]["image_urls"]

    def record(links):
        given = {**post["input"], "image_urls": links}
        return ProviderRecord(request_id="r", sent_at=job.submitted_at, input=given)

    assert reconcile.matches_record(job, record([first, second]))
    for others in ([second, first], [first], [first, second, second], first, None):
        assert not reconcile.matches_record(job, record(others)), others


def test_a_preset_keeps_the_list_and_leaves_it_out_for_who_may_not_use_it(world):
    form = {"model": SEVERAL, "prompt": "x", "images": {"image_urls": [photo(world)]}}
    kept = presets.save_preset(world.deps, ANA, "Three", parse_request(form), shared=True)
    assert presets.apply_preset(world.deps, ANA, kept.id) == (parse_request(form), [])
    for_ben, lost = presets.apply_preset(world.deps, Viewer("ben", Role.CREATOR), kept.id)
    assert for_ben.images == {}
    assert "image_urls" in lost[0]


@pytest.mark.parametrize(
    ("given", "code"),
    [([], "sequence_too_short"), ("x", "list_type"), ([5], "string_type"),
     (["https://a.example/b.jpg"] * 10, "sequence_too_long"),
     (["data:image/png;base64,QUJD"], "image_load_error")],
)  # fmt: skip
def test_the_simulated_fal_refuses_lists_that_fal_would_refuse(world, given, code):
    answer = world.deps.get_provider("fal").submit(
        COUNTED, {"prompt": "x", "image_urls": given}, webhook_url=None
    )
    ref = RequestRef(COUNTED, answer.request_id, answer.status_url, answer.response_url, answer.cancel_url)
    status = world.deps.get_provider("fal").status
    assert eventually(lambda: getattr(status(ref), "code", None)) == code
