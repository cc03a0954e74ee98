"""A request becomes a row: once for each key, or not at all, with every field at fault named."""

import pytest

from backend.domain.errors import InvalidRequest
from backend.services.takes import create, photos
from backend.services.takes.request import parse_request
from tests import databases
from tests.services.client import PHOTO_MODEL, picture
from tests.world import ANA, MODEL

pytestmark = databases.BOTH


def faults(world, **asked) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        create.create_job(world.deps, ANA, parse_request(asked))
    return refused.value.fields


def photo(world, viewer=ANA) -> str:
    return photos.create_upload(world.deps, viewer, picture(), file_name="../../look.jpg").id


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("a\0b", "U+0000"),
        ("a\u202eb", "direction"),
        ("\ud800", "surrogate"),
        ("\x1b[31m", "control"),
        ("x" * 30_000, "character"),
    ],
)
def test_a_prompt_that_can_not_be_sent_is_refused(world, prompt, word):
    assert word in faults(world, model=MODEL, prompt=prompt)["prompt"]


@pytest.mark.parametrize(
    "prompt", ["日本の海", "ثوب أحمر", "🌅 sunset", "line\nbreak\ttab", "<script>alert(1)</script>"]
)
def test_prompts_of_all_languages_are_taken_as_they_are(world, prompt):
    assert world.ask(prompt).prompt == prompt


def test_a_photo_is_required_where_the_model_starts_from_one_and_refused_where_it_has_none(world):
    assert "image" in faults(world, model=PHOTO_MODEL, prompt="x")
    assert "image" in faults(world, model=MODEL, prompt="x", image=photo(world))


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a/b",
        "https://",
        "http://[",
        "data:image/png;base64,xx",
    ],
)
def test_a_link_that_no_provider_could_fetch_is_refused(world, link):
    assert "image" in faults(world, model=PHOTO_MODEL, prompt="x", image=link)


def test_a_photo_reaches_the_models_own_field_and_the_take_comes_home(world):
    job = world.ask("Walk on", model=PHOTO_MODEL, image=photo(world))
    world.until(job, "stored")
    (post,) = world.ledger()["posts"]
    field = world.deps.catalogue.get(PHOTO_MODEL).image_field
    assert post["input"][field].startswith(world.sim.url)


def test_a_photo_goes_up_once_for_many_takes(world):
    image = photo(world)
    links = set()
    for number in range(2):
        job = world.ask(f"Take {number}", model=PHOTO_MODEL, image=image)
        links.add(world.look(job).image_link)
    assert len(links) == 1


def test_where_the_provider_takes_no_uploads_the_photo_travels_inside_the_request(world, monkeypatch):
    from backend.domain.errors import ProviderRefused
    from backend.providers.fal.client import FalProvider

    def no_uploads(*_):
        raise ProviderRefused("none here", code="no_uploads")

    monkeypatch.setattr(FalProvider, "upload", no_uploads)
    job = world.look(world.ask("x", model=PHOTO_MODEL, image=photo(world)))
    assert job.state == "queued"
    (post,) = world.ledger()["posts"]
    assert str(post["input"]).count("data:image/jpeg;base64,") == 1


def test_a_link_to_a_photo_is_passed_on_as_it_is(world):
    link = "https://example.org/look.jpg"
    job = world.look(world.ask("x", model=PHOTO_MODEL, image=link))
    assert job.image_link == link


def test_the_same_photo_is_kept_once_and_its_name_is_only_text(world):
    first, second = photo(world), photo(world)
    assert first == second
    assert photos.get_upload(world.deps, ANA, first).file_name == "look.jpg"


def test_an_old_job_goes_on_when_its_model_is_gone(world):
    from dataclasses import replace

    from backend.catalogue.models import Catalogue
    from tests.world import World

    job = world.ask()
    later = World(replace(world.deps, catalogue=Catalogue(())), world.sim)
    later.until(job, "stored")


def test_files_inside_the_answer_are_refused_before_anything_is_paid(world):
    model = next(m for m in world.deps.catalogue.search() if "sync_mode" in m.schema["properties"])
    asked = {"model": model.id, "prompt": "x", "params": {"sync_mode": True}}
    assert "params.sync_mode" in faults(world, **asked)
