"""A request becomes a row. What a client is told of one at fault: tests/services/api/test_api_start.py."""

from dataclasses import replace

import pytest

from backend.catalogue.models import Catalogue
from backend.domain.errors import InvalidRequest
from tests import databases
from tests.world import World

pytestmark = databases.BOTH


def faults(world, prompt="x", **more) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        world.ask(prompt, **more)
    return refused.value.fields


@pytest.mark.parametrize(
    ("prompt", "word"),
    [("", "empty"), (" \n ", "empty"), ("a\0b", "U+0000"), ("a\u202eb", "direction"),
     ("\ud800", "surrogate"), ("\x1b[31m", "control"), ("x" * 1_000_000, "character")],
    ids=lambda part: ascii(part)[:20],
)  # fmt: skip
def test_a_prompt_that_can_not_be_sent_is_refused_with_the_reason(world, prompt, word):
    named = faults(world, prompt)
    assert set(named) == {"prompt"}
    assert word in named["prompt"]
    assert world.ledger()["posts"] == []


@pytest.mark.parametrize("prompt", ["日本の海", "ثوب أحمر", "🌅 sunset", "line\nbreak\ttab"])
def test_prompts_of_all_languages_are_taken_as_they_are(world, prompt):
    assert world.ask(prompt).prompt == prompt


def test_an_old_job_goes_on_when_its_model_is_gone(world):
    job = world.ask()
    later = World(replace(world.deps, catalogue=Catalogue(())), world.sim)
    later.until(job, "stored")


def test_files_inside_the_answer_are_refused_before_anything_is_paid(world):
    model = next(m for m in world.deps.catalogue.search() if "sync_mode" in m.schema["properties"])
    assert "params.sync_mode" in faults(world, model=model.id, params={"sync_mode": True})
