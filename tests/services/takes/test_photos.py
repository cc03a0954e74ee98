"""Photos of a take: checked against the model's fields and limits, sent in its own fields, found again."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from sqlmodel import select

from backend.catalogue.photo_limits import PhotoLimits
from backend.domain.errors import ProviderRefused, ProviderUnsent, StorageDown
from backend.models import Upload
from backend.providers.base import ProviderRecord
from backend.providers.fal.client import FalProvider
from backend.services.catalogue import live_catalogue
from backend.services.lifecycle import reconcile
from backend.services.takes import photos, presets
from backend.services.takes.check_request import PHOTO_TO_COME, check_request
from backend.services.takes.fitted_photos import fitted_photo
from backend.services.takes.photo_payload import INLINE_MAX_BYTES
from backend.services.takes.request import parse_request
from backend.services.takes.request_photos import photo_notes
from backend.store.records import uploads
from backend.web.api.models import model_json
from backend.web.api.take_json import take_json
from tests.world import ANA, BEN, MODEL, PHOTO_MODEL, throw

FRAMES = "fal-ai/veo3.1/fast/first-last-frame-to-video"
OPTIONAL_END = "bytedance/seedance-2.0/fast/image-to-video"
FREE = "fal-ai/minimax/hailuo-2.3/standard/image-to-video"
SEVERAL = "fal-ai/veo3.1/reference-to-video"
COUNTED = "bytedance/seedance-2.0/fast/reference-to-video"
MB = 1024 * 1024
LINK = "https://example.org/look.jpg"
FILE = "file:///etc/passwd"


def test_where_the_provider_takes_no_uploads_the_photo_travels_inside_the_request(world, monkeypatch):
    refusal = ProviderRefused("none here", code="no_uploads")
    monkeypatch.setattr(FalProvider, "upload", lambda *_: throw(refusal))
    assert world.look(world.ask("x", model=PHOTO_MODEL, image=world.photo())).state == "queued"
    (post,) = world.ledger()["posts"]
    assert str(post["input"]).count("data:image/jpeg;base64,") == 1


def test_links_are_passed_on_as_they_are_in_params_or_images_alike(world):
    assert world.look(world.ask("x", model=PHOTO_MODEL, image=LINK)).image_link == LINK
    for given in ({"params": {"last_frame_url": LINK}}, {"images": {"last_frame_url": LINK}}):
        world.look(world.ask("x", model=FRAMES, image=LINK, **given))
    world.look(world.ask("x", model=SEVERAL, images={"image_urls": [world.photo(), LINK]}))
    sent = [post["input"] for post in world.ledger()["posts"]]
    assert [inputs.get("last_frame_url") for inputs in sent] == [None, LINK, LINK, None]
    assert sent[3]["image_urls"][1] == LINK


def test_photos_go_up_once_reach_the_models_own_fields_in_order_and_the_takes_come_home(world):
    first, last = chosen = [world.photo(colour) for colour in ("red", "green")]
    two = world.ask(model=FRAMES, image=first, images={"last_frame_url": last})
    several = world.ask("They meet", model=SEVERAL, images={"image_urls": chosen})
    for job in (two, several):
        world.until(job, "stored")
        told = take_json(world.deps, ANA, world.take(job))
        assert (told["images"], told["template_version"]) == (job.images, 1)
    with world.deps.store.read() as session:
        links = [uploads.get(session, one).provider_url for one in chosen]
    assert all(link.startswith(world.sim.url) for link in links)
    one, other = (post["input"] for post in world.ledger()["posts"])
    assert [one["first_frame_url"], one["last_frame_url"]] == other["image_urls"] == links


def test_the_payload_is_shown_with_a_place_for_each_photo(world):
    first, last = world.photo(), world.photo("teal")
    for model, given, shown in (
        (FRAMES, {"image": first, "images": {"last_frame_url": last}},
         {"first_frame_url": PHOTO_TO_COME, "last_frame_url": PHOTO_TO_COME}),
        (SEVERAL, {"images": {"image_urls": [first, LINK]}}, {"image_urls": [PHOTO_TO_COME, LINK]}),
    ):  # fmt: skip
        request = parse_request({"model": model, "prompt": "Walk on", **given})
        checked = check_request(world.deps, ANA, request)
        assert not checked.payload.keys() & shown
        assert checked.shown_payload().items() >= shown.items()


@pytest.mark.parametrize("field", ["last_frame_url", "image_urls"])
def test_a_record_with_another_photo_is_not_this_take(world, field):
    ours = [world.photo(colour) for colour in ("red", "navy")]
    several = field == "image_urls"
    given = {"model": SEVERAL} if several else {"model": FRAMES, "image": ours[0]}
    job = world.look(world.ask("x", images={field: ours if several else ours[1]}, **given))
    (post,) = world.ledger()["posts"]
    sent = post["input"][field]

    def matches(**other) -> bool:
        record = ProviderRecord("r", sent_at=job.submitted_at, input={**post["input"], **other})
        return reconcile.matches_record(job, record)

    assert matches()
    for other in (None, sent[::-1], sent[:1], [*sent, *sent[1:]], sent[0]) if several else (None, LINK):
        assert not matches(**{field: other}), other


def test_a_photo_that_does_not_fit_is_refused_by_its_field(world):
    ours, theirs = world.photo(), world.photo("teal", viewer=BEN)
    title = world.deps.catalogue.get(PHOTO_MODEL).title
    first, end, many = {"image": ours}, "images.last_frame_url", "images.image_urls"
    links = ("javascript:alert(1)", "ftp://a/b", "http://[", "data:image/png;base64,xx")
    for model, given, name, why in (
        (PHOTO_MODEL, {"image": world.photo(size=(200, 150))}, "image",
         f"is 200 × 150 px; {title} needs at least 300 × 300: take a larger one"),
        *((PHOTO_MODEL, {"image": link}, "image", "") for link in links),
        (PHOTO_MODEL, {"image": theirs}, "image", "no upload"),
        (MODEL, {"image": ours}, "image", ""),
        (MODEL, {"images": {"end_image_url": LINK}}, "images.end_image_url", ""),
        (FRAMES, first, "params.last_frame_url", ""),
        (FRAMES, {**first, "images": {"last_frame_url": theirs}}, end, ""),
        (FRAMES, {**first, "images": {"last_frame_url": FILE}}, end, ""),
        (FRAMES, {**first, "images": {"last_frame_url": LINK}, "params": {"last_frame_url": LINK}}, end, ""),
        (FRAMES, {**first, "images": {"last_frame_url": LINK, "side_url": LINK}}, "images.side_url", ""),
        (FRAMES, {**first, "images": {"last_frame_url": 5}}, end, ""),
        (FRAMES, {**first, "images": "x"}, "images", ""),
        (OPTIONAL_END, {**first, "images": {"end_image_url": [ours]}}, "images.end_image_url",
         "takes one photo"),
        (SEVERAL, {}, "params.image_urls", ""),
        (SEVERAL, {"images": {"image_urls": []}}, "params.image_urls", ""),
        (SEVERAL, {"images": {"image_urls": ours}}, many, "takes a list of photos"),
        (SEVERAL, {"images": {"image_urls": [ours, 5]}}, many, "one of them is a number"),
        (SEVERAL, {"images": {"image_urls": [ours, ""]}}, many, "one of them is empty"),
        (SEVERAL, {"images": {"image_urls": [ours, None]}}, many, "one of them is nothing"),
        (SEVERAL, {"images": {"image_urls": [ours, "\ud800"]}}, many, ""),
        (SEVERAL, {"images": {"image_urls": [ours, theirs]}}, many, "photo 2 there is no upload"),
        (SEVERAL, {"images": {"image_urls": [ours, FILE]}}, many, "photo 2 is neither"),
        (SEVERAL, {"images": {"image_urls": [ours] * 51}}, many, "at most 50"),
        (SEVERAL, {"images": {"image_urls": [ours]}, "params": {"image_urls": [LINK]}}, many, ""),
        (COUNTED, {"images": {"image_urls": [ours] * 10}}, many,
         "must have at most 9 entries; it has 10"),
    ):  # fmt: skip
        assert why in world.faults("Walk on", model=model, **given)[name], given
    assert world.ledger()["posts"] == []


def noisy(megapixels: float) -> bytes:
    """A JPEG whose every pixel counts: some 2.4 MB a megapixel as we keep it."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    pixels = np.random.default_rng(5).integers(0, 255, (height, height * 3 // 2, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92, subsampling=0)
    return file.getvalue()


def test_a_photo_larger_than_the_model_takes_is_sent_smaller_once_and_the_original_stays(world):
    given = photos.create_upload(world.deps, ANA, noisy(6), file_name="sun.jpg").upload
    assert given.size_bytes > 8 * MB
    model = world.deps.catalogue.get(SEVERAL)
    asked = {"model": SEVERAL, "images": {"image_urls": [given.id, world.photo()]}}
    (note,) = photo_notes(world.deps, ANA, model, asked["images"])
    assert note == f"Photo 1 of image_urls is sent to {model.title} scaled to at most 8 MB."
    for _ in range(2):
        assert world.until(world.ask("They meet", **asked), "stored").images == asked["images"]
    (first, *_), (again, *_) = (post["input"]["image_urls"] for post in world.ledger()["posts"])
    assert first == again, "it went up once"
    with world.deps.store.read() as session:
        (sent,) = session.exec(select(Upload).where(Upload.provider_url == first)).all()
    assert 0.8 * 8 * MB < sent.size_bytes <= 8 * MB
    assert sent.width / sent.height == pytest.approx(given.width / given.height, rel=1e-2)
    assert [photo.id for photo in photos.list_uploads(world.deps, ANA)][1:] == [given.id], "and is no choice"
    assert world.deps.storage.size(given.key) == given.size_bytes


def test_where_it_travels_inside_the_request_it_is_made_as_small_as_that_takes(world, monkeypatch):
    refusal = ProviderRefused("none here", code="no_uploads")
    monkeypatch.setattr(FalProvider, "upload", lambda *_: throw(refusal))
    given = photos.create_upload(world.deps, ANA, noisy(6), file_name="sun.jpg").upload
    assert given.size_bytes > INLINE_MAX_BYTES
    assert world.look(world.ask("x", model=PHOTO_MODEL, image=given.id)).state == "queued"
    (post,) = world.ledger()["posts"]
    inside = re.search(r"data:image/jpeg;base64,([\w+/=]+)", str(post["input"]))
    assert len(b64decode(inside[1])) <= INLINE_MAX_BYTES


def test_a_photo_is_made_to_fit_sides_and_bytes_and_where_nothing_fits_the_take_is_refused(world):
    given = photos.create_upload(world.deps, ANA, noisy(1), file_name="sun.jpg").upload
    assert fitted_photo(world.deps, given, PhotoLimits(min_width=300, max_bytes=31 * MB)) == given
    sides = fitted_photo(world.deps, given, PhotoLimits(max_width=600, max_height=600))
    assert (sides.width, sides.height) == (600, 400)
    both = fitted_photo(world.deps, given, PhotoLimits(max_width=600, max_bytes=100_000))
    assert both.width < 600
    assert both.size_bytes <= 100_000
    with pytest.raises(ProviderRefused, match=r"can't be made to fit.*needs at least 300"):
        fitted_photo(world.deps, given, PhotoLimits(min_width=300, max_bytes=1000))


def test_a_photo_that_is_away_now_is_made_smaller_when_it_is_there_again(world):
    given = photos.create_upload(world.deps, ANA, noisy(1), file_name="sun.jpg").upload
    world.deps.storage.remove(given.key)
    with pytest.raises(ProviderUnsent, match="made smaller for the model now"):
        fitted_photo(world.deps, given, PhotoLimits(max_width=600))


def test_a_model_that_says_nothing_takes_any_photo_of_ours(world):
    assert world.until(world.ask("Walk on", model=FREE, image=world.photo(size=(40, 30))), "stored")


def test_the_simulated_fal_refuses_what_our_check_refuses(world, monkeypatch):
    monkeypatch.setattr(PhotoLimits, "find_fault", lambda *_, **__: None)  # the control: no check
    job = world.ask("Walk on", model=PHOTO_MODEL, image=world.photo(size=(200, 150)))
    assert world.until(job, "failed").error["code"] == "image_too_small"


def test_what_is_known_of_the_photos_survives_a_refresh(world):
    before = world.deps.catalogue.get(PHOTO_MODEL).photo_limits
    live_catalogue.refresh_catalogue(world.deps, on_progress=lambda line: None)
    model = world.deps.catalogue.get(PHOTO_MODEL)
    assert model.photo_limits["image_url"]["min_width"] == before["image_url"]["min_width"] == 300
    assert model.photo_limits["image_url"]["types"] == before["image_url"]["types"]
    assert "image" in world.faults("Walk on", model=PHOTO_MODEL, image=world.photo(size=(200, 150)))
    assert model_json(model)["photo_limits"] == model.photo_limits


@pytest.mark.parametrize(
    ("model", "field"), [(SEVERAL, "image_urls"), (OPTIONAL_END, "end_image_url")], ids=["a list", "two"]
)
def test_a_preset_keeps_the_photos_and_leaves_them_out_for_who_may_not_use_them(world, model, field):
    ours = world.photo()
    given = {"images": {field: [ours]}} if model == SEVERAL else {"image": ours, "images": {field: ours}}
    form = parse_request({"model": model, "prompt": "x", **given})
    kept = presets.save_preset(world.deps, ANA, "With photos", form, shared=True)
    assert presets.apply_preset(world.deps, ANA, kept.id) == (form, [])
    for_ben, lost = presets.apply_preset(world.deps, BEN, kept.id)
    assert (for_ben.image, for_ben.images, len(lost)) == (None, {}, len(given))
    assert field in " ".join(lost)


@pytest.mark.parametrize("error", [StorageDown("The bucket answers SlowDown."), FileNotFoundError(2, "gone")])
def test_a_take_says_why_it_waits_while_its_photo_cant_be_read(world, monkeypatch, error):
    job = world.ask(model=FRAMES, image=world.photo(), images={"last_frame_url": world.photo("teal")})
    with monkeypatch.context() as change:
        change.setattr(world.deps.storage, "open", lambda _, **__: throw(error))
        waiting = world.look(job)
    assert waiting.state == "created"
    assert (waiting.error["code"], waiting.error["charged"]) == ("photo_missing", "no")
    assert "can't be read from our storage" in waiting.error["message"]
    world.until(job, "stored")
    assert world.posts == 1
