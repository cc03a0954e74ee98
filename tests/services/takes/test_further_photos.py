"""Photos besides the first: a last frame is checked, sent in the model's own field, and found again."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from backend.domain.errors import InvalidRequest, StorageDown, StorageFull
from backend.providers.base import ProviderRecord
from backend.services.access import Role, Viewer
from backend.services.lifecycle import reconcile
from backend.services.takes import create, photos
from backend.services.takes.check_request import PHOTO_TO_COME, check_request
from backend.services.takes.request import parse_request
from backend.web.api import take_json
from tests.world import ANA, MODEL

FRAMES_MODEL = "fal-ai/veo3.1/fast/first-last-frame-to-video"


def photo(world, colour="teal", viewer=ANA) -> str:
    raw = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(raw, "JPEG")
    return photos.create_upload(world.deps, viewer, raw.getvalue(), file_name="look.jpg").id


def asked(world, **more):
    return {"model": FRAMES_MODEL, "prompt": "Walk on", "image": photo(world), **more}


def faults(world, given) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        create.create_job(world.deps, ANA, parse_request(given))
    return refused.value.fields


def test_first_and_last_photo_reach_the_models_own_fields_and_the_take_comes_home(world):
    last = photo(world, "navy")
    job = create.create_job(world.deps, ANA, parse_request(asked(world, images={"last_frame_url": last})))
    world.until(job, "stored")
    (post,) = world.ledger()["posts"]
    links = [post["input"][name] for name in ("first_frame_url", "last_frame_url")]
    assert all(link.startswith(world.sim.url) for link in links)
    assert len(set(links)) == 2
    assert world.job(job).images == {"last_frame_url": last}


def test_a_required_last_photo_counts_as_given_only_when_it_is(world):
    assert "params.last_frame_url" in faults(world, asked(world))
    checked = check_request(
        world.deps, ANA, parse_request(asked(world, images={"last_frame_url": photo(world, "navy")}))
    )
    assert "last_frame_url" not in checked.payload


def test_a_photo_that_is_unknown_somebody_elses_or_given_twice_is_refused_by_its_field(world):
    theirs = photo(world, "navy", Viewer("ben", Role.CREATOR))
    link = "https://example.org/last.jpg"
    for given, name in (
        ({"images": {"last_frame_url": theirs}}, "images.last_frame_url"),
        ({"images": {"last_frame_url": "file:///etc/passwd"}}, "images.last_frame_url"),
        ({"images": {"last_frame_url": link}, "params": {"last_frame_url": link}}, "images.last_frame_url"),
        ({"images": {"last_frame_url": link, "side_url": link}}, "images.side_url"),
        ({"images": {"last_frame_url": 5}}, "images.last_frame_url"),
        ({"images": "x"}, "images"),
    ):
        assert name in faults(world, asked(world, **given)), given
    assert "images.end_image_url" in faults(
        world, {"model": MODEL, "prompt": "x", "images": {"end_image_url": link}}
    )
    assert world.ledger()["posts"] == []


def test_a_link_is_passed_on_in_params_or_images_alike(world):
    link = "https://example.org/last.jpg"
    for given in ({"params": {"last_frame_url": link}}, {"images": {"last_frame_url": link}}):
        world.look(create.create_job(world.deps, ANA, parse_request(asked(world, **given))))
    assert [post["input"]["last_frame_url"] for post in world.ledger()["posts"]] == [link, link]


def test_a_record_with_another_last_photo_is_not_this_take(world):
    given = asked(world, images={"last_frame_url": photo(world, "navy")})
    job = world.look(create.create_job(world.deps, ANA, parse_request(given)))
    (post,) = world.ledger()["posts"]
    listed = ProviderRecord(request_id="r", sent_at=job.submitted_at, input=post["input"])
    assert reconcile.matches_record(job, listed)
    assert not reconcile.matches_record(
        job, replace(listed, input={**post["input"], "last_frame_url": "https://a/b.jpg"})
    )
    without = {name: value for name, value in post["input"].items() if name != "last_frame_url"}
    assert not reconcile.matches_record(job, replace(listed, input=without))


def test_the_payload_is_shown_with_a_place_for_each_photo(world):
    checked = check_request(
        world.deps, ANA, parse_request(asked(world, images={"last_frame_url": photo(world, "navy")}))
    )
    shown = checked.shown_payload()
    assert shown["first_frame_url"] == shown["last_frame_url"] == PHOTO_TO_COME
    assert shown["prompt"] == "Walk on"


def test_a_client_sees_the_photos_and_the_template_of_its_take(world):
    last = photo(world, "navy")
    job = create.create_job(world.deps, ANA, parse_request(asked(world, images={"last_frame_url": last})))
    told = take_json(world.deps, world.take(job))
    assert (told["images"], told["template_version"]) == ({"last_frame_url": last}, 1)


# -- our own storage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StorageDown("The bucket answers SlowDown."), FileNotFoundError(2, "gone")])
def test_a_take_says_why_it_waits_while_its_photo_cant_be_read(world, monkeypatch, error):
    job = create.create_job(
        world.deps, ANA, parse_request(asked(world, images={"last_frame_url": photo(world, "navy")}))
    )

    def away(key):
        raise error

    with monkeypatch.context() as change:
        change.setattr(world.deps.storage, "open", away)
        waiting = world.look(job)

    assert (waiting.state, waiting.error["code"], waiting.error["charged"]) == (
        "created",
        "photo_missing",
        "no",
    )
    assert "can't be read from our storage" in waiting.error["message"]
    world.until(job, "stored")
    assert len(world.ledger()["posts"]) == 1


def test_a_photo_for_which_there_is_no_room_is_refused_as_such(world):
    world.deps.settings.parts_dir.parent.mkdir(exist_ok=True)
    world.deps.settings.parts_dir.write_text("no folder")  # what a wrong mount leaves
    with pytest.raises(StorageFull):
        photo(world)
