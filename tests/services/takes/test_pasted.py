"""Text as it is pasted: what nobody sees is taken out and told, wherever a person gives a text."""

import pytest

from backend.domain.take_filter import TakeFilter
from backend.services.gallery import takes as gallery
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.prompting.vocabulary_admin import WordDraft
from backend.services.takes import create, presets
from backend.services.takes.request import parse_request, repeat_request
from tests import databases
from tests.services.client import status
from tests.world import ADMIN, ANA, MODEL, run_sql

pytestmark = databases.BOTH

#: One with a negative prompt.
WAN = "fal-ai/wan/v2.7/text-to-video"


def test_a_pasted_prompt_is_taken_without_what_nobody_sees_and_the_client_is_told(sidecar):
    answer = sidecar.start({"model": MODEL, "prompt": "\ufeffA red\u200b dress\u2060\x0cin the wind"})
    assert answer.status_code == 202
    told = answer.get_json()
    assert told["notes"] == [
        "3 invisible characters were removed", "1 page or line separator became a line break",
    ]  # fmt: skip
    job = status(sidecar, told["id"])
    assert (job["prompt"], job["sent_prompt"]) == ("A red dress\nin the wind",) * 2
    again = sidecar.start({"model": job["model"], "prompt": job["prompt"]})
    assert "notes" not in again.get_json(), "what was typed can be typed again"


def test_every_text_of_a_take_is_cleaned_and_what_is_sent_with_it(sidecar):
    body = {
        "model": f"{WAN}\u200b",
        "prompt": "\u202bשמלה \u200fאדומה\u202c",
        "params": {"negative_prompt": "blur\0\u2028text"},
        "style": {"camera": "\ufeffDolly in", "fabric": "sail\u00adcloth"},
        "provider": "fal\ufeff",
    }
    job = sidecar.job(sidecar.started(body=body))
    assert (job.model, job.provider, job.prompt) == (WAN, "fal", "שמלה \u200fאדומה")
    assert job.style == {"camera": "Dolly in", "fabric": "sailcloth"}
    assert job.params == {"negative_prompt": "blur\ntext"}
    sent = "שמלה \u200fאדומה. Fabric: sailcloth. Camera: slow dolly in."
    assert job.payload == {"prompt": sent, "negative_prompt": "blur\ntext"}


def test_the_same_pasted_body_with_the_same_key_is_the_same_take(sidecar):
    body = {"model": MODEL, "prompt": "A red\u200b dress\0"}
    first = sidecar.start(body, key="k").get_json()
    assert sidecar.start(body, key="k").get_json() == first
    assert first["notes"] == ["2 invisible characters were removed"]
    assert sidecar.start({**body, "prompt": "A red dress"}, key="k").status_code == 409, "another body"
    assert len(sidecar.page()["items"]) == 1


def test_a_take_that_was_made_before_can_be_used_again(sidecar):
    job = sidecar.ask("A red dress")
    run_sql(sidecar.deps, "UPDATE job SET prompt = :prompt", prompt="A \u202ered\u200b dress\x85")
    request = repeat_request(sidecar.job(job))
    assert request.prompt == "A red dress"
    again = create.create_job(sidecar.deps, ANA, request)
    assert (again.prompt, repeat_request(again).notes) == ("A red dress", ())


def test_a_preset_keeps_name_and_form_without_what_nobody_sees(sidecar):
    form = {"model": MODEL, "prompt": "A coat\0", "style": {"camera": "\u200bPan"}}
    kept = presets.save_preset(sidecar.deps, ANA, "Golden\u200b\x85walk\ufeff", parse_request(form))
    assert (kept.name, kept.form) == (
        "Golden walk", {"model": MODEL, "prompt": "A coat", "style": {"camera": "Pan"}},
    )  # fmt: skip
    presets.save_preset(sidecar.deps, ANA, "golden walk", parse_request(form))
    assert len(presets.list_presets(sidecar.deps, ANA)) == 1, "the same name"


def test_words_and_template_are_kept_without_what_nobody_sees(sidecar):
    draft = WordDraft("camera", "\ufeffCrane up high", "a slow\u200b orbit\x0b")
    word = vocabulary_admin.save_word(sidecar.deps, ADMIN, draft)
    assert (word.label, word.folded, word.words) == ("Crane up high", "crane up high", "a slow orbit")
    assert sidecar.ask(style={"camera": "Crane\u200b up high"}).sent_prompt.endswith("Camera: a slow orbit.")
    text = "{{ prompt }}\u202e\n{{ camera }}\0"
    made = vocabulary_admin.preview_template(sidecar.deps, text, "A coat", {"camera": "Crane up high"})
    assert made.text == "A coat\na slow orbit"
    row = vocabulary_admin.save_template(sidecar.deps, ADMIN, text, note="\u200btried\ufeff")
    assert (row.text, row.note) == ("{{ prompt }}\n{{ camera }}", "tried")
    assert current_vocabulary(sidecar.deps).templates[0].text == row.text


@pytest.mark.parametrize("typed", ["sail\u200bcloth", "\ufeffsailcloth", "sail\u00adcloth\0"])
def test_what_is_pasted_into_a_search_finds_what_was_pasted_into_a_prompt(sidecar, typed):
    job = sidecar.ask("A sail\u2060cloth coat")
    found = gallery.list_takes(sidecar.deps, ANA, TakeFilter(text=typed)).items
    assert [take.job.id for take in found] == [job.id]


def test_a_pasted_name_finds_its_model(sidecar):
    found = sidecar.get("/api/models", query_string={"q": f"\ufeff{WAN}\u200b"}).get_json()["items"]
    assert [model["id"] for model in found][:1] == [WAN]
