"""Photos of a take: checked against the model's fields and limits, sent in its own fields, found again."""

import pytest

from backend.catalogue.photo_limits import PhotoLimits
from backend.domain.errors import ProviderRefused, StorageDown, StorageFull
from backend.providers.base import ProviderRecord
from backend.providers.fal.client import FalProvider
from backend.services.catalogue import live_catalogue
from backend.services.lifecycle import reconcile
from backend.services.takes import presets
from backend.services.takes.check_request import PHOTO_TO_COME, check_request
from backend.services.takes.request import parse_request
from backend.store.records import uploads
from backend.web.api import model_json, take_json
from tests.world import ANA, BEN, MODEL, PHOTO_MODEL, run_sql, throw

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
        told = take_json(world.deps, world.take(job))
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
    heavy, title = world.photo("red"), world.deps.catalogue.get(PHOTO_MODEL).title
    run_sql(world.deps, "UPDATE upload SET size_bytes = :size WHERE id = :id", size=31 * MB, id=heavy)
    first, end, many = {"image": ours}, "images.last_frame_url", "images.image_urls"
    links = ("javascript:alert(1)", "ftp://a/b", "http://[", "data:image/png;base64,xx")
    for model, given, name, why in (
        (PHOTO_MODEL, {"image": world.photo(size=(200, 150))}, "image",
         f"is 200 × 150 px; {title} needs at least 300 × 300: take a larger one"),
        *((PHOTO_MODEL, {"image": link}, "image", "") for link in links),
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
        (OPTIONAL_END, {**first, "images": {"end_image_url": heavy}}, "images.end_image_url",
         "has 31 MB; "),
        (SEVERAL, {}, "params.image_urls", ""),
        (SEVERAL, {"images": {"image_urls": []}}, "params.image_urls", ""),
        (SEVERAL, {"images": {"image_urls": ours}}, many, "takes a list of photos"),
        (SEVERAL, {"images": {"image_urls": [ours, 5]}}, many, "one of them is a number"),
        (SEVERAL, {"images": {"image_urls": [ours, ""]}}, many, "one of them is empty"),
        (SEVERAL, {"images": {"image_urls": [ours, None]}}, many, "one of them is nothing"),
        (SEVERAL, {"images": {"image_urls": [ours, theirs]}}, many, "photo 2 there is no upload"),
        (SEVERAL, {"images": {"image_urls": [ours, FILE]}}, many, "photo 2 is neither"),
        (SEVERAL, {"images": {"image_urls": [ours] * 51}}, many, "at most 50"),
        (SEVERAL, {"images": {"image_urls": [ours]}, "params": {"image_urls": [LINK]}}, many, ""),
        (SEVERAL, {"images": {"image_urls": [ours, heavy]}}, many, "photo 2 has 31 MB; "),
        (COUNTED, {"images": {"image_urls": [ours] * 10}}, many,
         "must have at most 9 entries; it has 10"),
    ):  # fmt: skip
        assert why in world.faults("Walk on", model=model, **given)[name], given
    assert world.ledger()["posts"] == []


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
        change.setattr(world.deps.storage, "open", lambda _: throw(error))
        waiting = world.look(job)
    assert waiting.state == "created"
    assert (waiting.error["code"], waiting.error["charged"]) == ("photo_missing", "no")
    assert "can't be read from our storage" in waiting.error["message"]
    world.until(job, "stored")
    assert world.posts == 1


def test_a_photo_for_which_there_is_no_room_is_refused_as_such(world):
    world.deps.settings.parts_dir.parent.mkdir(exist_ok=True)
    world.deps.settings.parts_dir.write_text("no folder")  # what a wrong mount leaves
    with pytest.raises(StorageFull):
        world.photo()
