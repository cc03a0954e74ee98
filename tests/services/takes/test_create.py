"""A request becomes a row. What a client is told of one at fault: tests/services/api/test_api_start.py."""

from backend.catalogue.models import Catalogue
from tests import databases

pytestmark = databases.BOTH


def test_a_prompt_that_can_not_be_sent_is_refused_with_the_reason_and_all_others_are_taken(world):
    for prompt, word in (
        (" \n ", "empty"), ("a\x07b", "U+0007"), ("\ud800", "surrogate"), ("x" * 1_000_000, "character"),
    ):  # fmt: skip
        assert word in world.faults(prompt)["prompt"]
    for prompt in ("日本の海", "ثوب أحمر", "🌅 sunset", "line\nbreak\ttab"):
        assert world.ask(prompt).prompt == prompt


def test_an_old_job_goes_on_when_its_model_is_gone(world):
    job = world.ask()
    world.another(catalogue=Catalogue(())).until(job, "stored")


def test_files_inside_the_answer_are_refused_before_anything_is_paid(world):
    model = next(m for m in world.deps.catalogue.search() if "sync_mode" in m.schema["properties"])
    assert "params.sync_mode" in world.faults(model=model.id, params={"sync_mode": True})
    assert world.posts == 0
