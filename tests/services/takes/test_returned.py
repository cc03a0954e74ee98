"""What a provider tells besides its files: the seed that it used, and the prompt it made of ours."""

import pytest

from backend.models import Job
from backend.services.export.rows import tell_rows
from backend.services.gallery.provider_said import PROMPT_MAX_CHARS, provider_said
from backend.services.takes.remake.parts import Part, take_parts
from backend.services.takes.request import parse_request
from backend.web.api.take_json import take_json
from tests.world import ANA

WAN = "fal-ai/wan/v2.7/text-to-video"


@pytest.mark.parametrize(
    ("output", "seed", "prompt"),
    [
        (None, None, None),
        ({"seed": 7, "actual_prompt": "A red dress, richly"}, 7, "A red dress, richly"),
        ({"seed": 0, "prompt": " a red\n dress "}, 0, None),  # ours again
        ({"seed": 7.0, "expanded_prompt": "First", "prompt": "Second"}, 7, "First"),
        ({"seed": True, "prompt": ["x"]}, None, None),
        ({"seed": 2**63, "prompt": "\u202e\ufeff "}, None, None),
        ({"seed": 7.5, "prompt": "<b>x</b>\u200b"}, None, "<b>x</b>"),
        ({"seed": "7", "revised_prompt": "x" * 50_000}, None, "x" * PROMPT_MAX_CHARS),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_an_answer_tells_is_read_as_somebody_elses_text_of_bounded_length(output, seed, prompt):
    said = provider_said(Job(sent_prompt="a red dress", result=output))
    assert (said.seed, said.prompt) == (seed, prompt)


def test_the_seed_and_the_prompt_of_the_provider_are_kept_told_exported_and_used_again(world):
    job = world.until(world.ask("Silk, at dusk", model=WAN, params={"resolution": "720p"}), "rendered")
    take, rewritten = world.take(job), "Silk, at dusk. Natural light, fine detail, steady motion."
    returned = take_json(world.deps, ANA, take)["returned"]
    assert returned["prompt"] == rewritten
    seed = returned["seed"]
    assert isinstance(seed, int), "the simulator tells a seed that nobody asked for, as the model does"
    row = tell_rows(world.deps, ANA, [take])[0]
    assert (row["seed"], row["returned_seed"], row["returned_prompt"]) == (None, seed, rewritten)
    held = parse_request({"model": WAN, "prompt": "Mine"})
    again, _ = take_parts(world.deps, held, job, [Part.EVERYTHING])
    assert again.params == {"resolution": "720p"}, "everything is what was asked for"
    again, _ = take_parts(world.deps, held, job, [Part.EVERYTHING, Part.SEED])
    assert again.params == {"resolution": "720p", "seed": seed}, "and once more, the seed that was used"
    alone, _ = take_parts(world.deps, held, job, [Part.SEED])
    assert (alone.params, alone.prompt) == ({"seed": seed}, "Mine")
