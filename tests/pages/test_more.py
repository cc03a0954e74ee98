"""More of a take: what its page offers, how many clicks that takes, and what the form remembers."""

import json

import pytest

from backend.domain.library.review import OriginHow
from backend.models import Collection
from backend.services.gallery.lineage import list_origins
from backend.services.library import groups
from backend.services.library.groups import GroupKind
from backend.services.takes import photos
from backend.services.takes.form import drafts
from backend.store.library import groups as kept_groups
from pages.ui.form import clicks
from tests.pages.conftest import SEED_MODEL, filled, link, param, shown, words
from tests.viewers import LOCAL_VIEWER
from tests.world import MODEL, PHOTO_MODEL, run_sql

TAKE, FORM = "library/take.py", "studio/generate.py"


def made_from(desk, job) -> list[tuple[str, str]]:
    found = list_origins(desk.deps, LOCAL_VIEWER, [job.id]).made_from.get(job.id, ())
    return [(origin.take, origin.how) for origin in found]


def test_four_variations_of_a_take_are_two_clicks_and_stand_at_both_ends(visit, desk):
    job = desk.take("stored", model=SEED_MODEL, params={"seed": 7})
    app = visit(TAKE, take=job.id)
    app.session_state["variations"] = True  # the first click opens it
    app.run()
    assert "Make ×4 · $3.00 (demo: free)" in app.button(key=f"vary-{job.id}").label.replace("\\", "")
    app.button(key=f"vary-{job.id}").click().run()
    assert desk.count() == 5, "by a second click"
    assert "4 takes saved." in words(app)
    newest = desk.newest()
    assert made_from(desk, newest) == [(job.id, OriginHow.VARIED)]
    assert newest.params["seed"] != 7
    assert link(app, f"Varied as …{newest.id[-6:]}") == f"take?take={newest.id}"
    app.button(key=f"vary-{job.id}").click().run()
    assert (desk.count(), clicks.ALREADY_SENT in words(app)) == (5, True), "two quick clicks are one"


def test_the_form_makes_several_by_one_press_whose_price_stands_on_the_button_and_then_one_again(visit, desk):
    app = filled(visit, SEED_MODEL)
    app.button_group(key="form:number").set_value(3).run()
    assert app.button(key="generate").label.replace("\\", "") == "Generate ×3 · $2.25 (demo: free)"
    app.button(key="generate").click().run()
    assert (desk.count(), "3 takes saved." in words(app)) == (3, True)
    assert app.button(key="generate").label.startswith("Generate · ")


def test_a_press_that_is_the_same_click_says_so_and_a_later_one_makes_another(visit, desk, monkeypatch):
    app = filled(visit)
    for _ in range(2):
        app.button(key="generate").click().run()
    assert (desk.count(), "Already sent · press again for another" in words(app)) == (1, True)
    monkeypatch.setattr(clicks, "MEANT_S", 0.0)
    app.button(key="generate").click().run()
    assert desk.count() == 2


def test_parts_of_a_take_join_the_form_and_opening_a_take_never_touches_it(visit, desk):
    job = desk.take("stored", "Theirs", style={"camera": "Pan"})
    app = filled(visit, SEED_MODEL, "Mine")
    app.switch_page(TAKE)
    app.query_params["take"] = job.id
    app.run()
    app.switch_page(FORM)
    app.run()
    assert app.text_area(key="form:prompt").value == "Mine", "a look at a take changes nothing"
    app.switch_page(TAKE)
    app.query_params["take"] = job.id
    app.run()
    app.menu_button(key="use-again").click("look").run()
    assert (app.text_area(key="form:prompt").value, app.selectbox(key="form:style:camera").value) == (
        "Mine",
        "Pan",
    )
    assert app.selectbox(key="form:model").value == SEED_MODEL
    assert "from" not in app.query_params, "a reload fills nothing again"
    made = desk.generate(app.switch_page(FORM))
    assert made_from(desk, made) == [(job.id, OriginHow.RERUN)]
    app.button(key="form-undo").click().run()
    assert app.selectbox(key="form:style:camera").value is None


@pytest.mark.parametrize(
    ("parts", "prompt", "said"),
    [
        ("prompt,look", "Theirs", ""), ("wings", "", "wings is no part of a take; there are everything"),
        ("prompt,wings", "Theirs", "wings is no part"), ("look", "", ""), ("everything", "Theirs", ""),
    ],
)  # fmt: skip
def test_an_address_names_the_parts_and_what_is_none_is_said(visit, desk, parts, prompt, said):
    job = desk.take("stored", "Theirs")
    app = visit(**{"from": job.id, "parts": parts})
    assert (app.text_area(key="form:prompt").value or "") == prompt
    assert said in words(app)


def test_a_take_goes_on_from_its_last_frame_by_one_click_and_the_next(visit, desk):
    job = desk.take("stored", "Walk on")
    app = visit(TAKE, take=job.id).button(key=f"continue-{job.id}").click().run()
    (frame,) = photos.list_uploads(desk.deps, LOCAL_VIEWER)
    assert (app.selectbox(key="form:model").value, app.session_state["form:image"]) == (PHOTO_MODEL, frame.id)
    app.switch_page(FORM)  # the kit's test browser does not follow by itself
    run_sql(desk.deps, "UPDATE upload SET width = 640, height = 360")  # this model takes no smaller one
    app.button(key="generate").click().run()
    assert desk.count() == 2, "by a second click"
    assert made_from(desk, desk.newest()) == [(job.id, OriginHow.FRAME)]
    app.button(key="remove-photo").click().run()
    app.selectbox(key="form:model").set_value(MODEL).run()
    assert made_from(desk, desk.generate(app)) == [], "without the frame it comes from nowhere"


def test_a_take_is_promoted_with_the_difference_and_what_does_not_fit_in_view(visit, desk):
    job = desk.take("stored", model="fal-ai/veo3.1/lite", params={"duration": "4s", "seed": 3})
    app = visit(TAKE, take=job.id)
    app.session_state["promote"] = True
    app.run()
    better = app.button(key="promote-fal-ai/veo3.1")
    assert "(+$" in better.label.replace("\\", "")
    assert "Doesn't fit there: " in words(app)
    app.button(key="promote-fal-ai/veo3.1").click().run()
    assert made_from(desk, desk.newest()) == [(job.id, OriginHow.PROMOTED)]
    assert link(app, "Promoted to …")


def test_a_failed_take_is_retried_by_one_click(visit, desk):
    job = desk.take("failed")
    app = visit(TAKE, take=job.id).button(key=f"retry-{job.id}").click().run()
    assert made_from(desk, desk.newest()) == [(job.id, OriginHow.RETRY)]
    app.button(key=f"retry-{job.id}").click().run()
    assert (desk.count(), "was retried before" in words(app)) == (2, True)


def test_the_draft_comes_back_in_another_session_whatever_model_was_used_last(visit, desk):
    photo = desk.photo(viewer=LOCAL_VIEWER)
    assert "Draft of" not in words(visit()), "a form that nobody touched is no draft"
    assert drafts.get_draft(desk.deps, LOCAL_VIEWER) is None
    app = filled(visit, PHOTO_MODEL, "Half a ")
    app.button(key=f"use-photo-{photo}").click().run()
    param(app, "select_slider", "duration", PHOTO_MODEL).set_value("7").run()
    desk.take("stored", model=SEED_MODEL)  # what was used last
    again = visit()
    assert again.selectbox(key="form:model").value == PHOTO_MODEL
    assert again.text_area(key="form:prompt").value == "Half a "
    assert param(again, "select_slider", "duration", PHOTO_MODEL).value == "7"
    assert again.session_state["form:image"] == photo
    assert "Draft of " in words(again)
    again.button(key="draft-clear").click().run()
    assert (again.text_area(key="form:prompt").value, "Draft of" in words(again)) == ("", False)
    assert drafts.get_draft(desk.deps, LOCAL_VIEWER) is None
    again.button(key="form-undo").click().run()
    assert again.text_area(key="form:prompt").value == "Half a "
    kept = drafts.get_draft(desk.deps, LOCAL_VIEWER)
    assert kept is not None
    assert kept.request.prompt == "Half a"


def test_a_draft_is_written_only_when_the_form_changed(visit, desk, monkeypatch):
    written: list[str] = []
    real = drafts.save_draft
    monkeypatch.setattr(drafts, "save_draft", lambda *asked: written.append("") or real(*asked))
    app = filled(visit)
    before = len(written)
    app.run()
    assert (before, len(written)) == (1, 1)
    app.text_area(key="form:prompt").set_value("Another").run()
    assert len(written) == 2


def test_an_earlier_prompt_is_taken_from_a_menu_and_undone(visit, desk):
    desk.take("stored", "An old one")
    app = filled(visit, prompt="A new one")
    app.session_state["prompt-history"] = True
    app.run()
    app.button(key="earlier-prompt-0").click().run()
    assert app.text_area(key="form:prompt").value == "An old one"
    app.button(key="form-undo").click().run()
    assert app.text_area(key="form:prompt").value == "A new one"


def test_a_project_is_made_where_it_is_typed_and_kept_for_the_next_take(visit, desk):
    app = filled(visit)
    app.selectbox(key="form:project").set_value("Spring 27").run()
    (project,) = groups.list_names(desk.deps, LOCAL_VIEWER, GroupKind.PROJECT)
    assert desk.generate(app).project_id == project
    app = visit()
    assert app.selectbox(key="form:project").value == project, "the last one is kept"
    app.selectbox(key="form:project").set_value("spring 27").run()
    assert len(groups.list_names(desk.deps, LOCAL_VIEWER, GroupKind.PROJECT)) == 1
    groups.delete_group(desk.deps, LOCAL_VIEWER, GroupKind.PROJECT, project)
    app.run()
    assert app.selectbox(key="form:project").value is None
    assert desk.generate(app).project_id is None


def test_a_take_is_put_into_the_collections_that_are_chosen_and_so_is_the_next_one(visit, desk):
    assert "form:collections" not in {one.key for one in visit().multiselect}, "there is none yet"
    its = groups.create_group(desk.deps, LOCAL_VIEWER, GroupKind.COLLECTION, "Spring 27").id
    app = filled(visit)
    app.multiselect(key="form:collections").select(its).run()
    made = [desk.generate(app).id, desk.generate(app := filled(visit)).id]
    with desk.deps.store.read() as session:
        assert set(kept_groups.takes_of(session, Collection, its, limit=9)) == set(made)
    groups.delete_group(desk.deps, LOCAL_VIEWER, GroupKind.COLLECTION, its)
    app.text_area(key="form:prompt").set_value("Another one").run()
    newest = desk.generate(app).id
    assert not app.exception
    assert newest not in made


def test_a_take_shows_the_seed_and_the_prompt_of_its_model_and_is_made_again_with_that_seed(visit, desk):
    job = desk.take("stored", "Theirs", model=SEED_MODEL)
    app = visit(TAKE, take=job.id)
    assert "Everything, same seed" not in app.menu_button(key="use-again").options, "none was told"
    said = {"seed": 4242, "actual_prompt": "Theirs :red[richly]"}
    run_sql(desk.deps, "UPDATE job SET result = :said WHERE id = :id", said=json.dumps(said), id=job.id)
    app = visit(TAKE, take=job.id)
    assert "Theirs :red[richly]" in [code.value for code in app.code], "as text"
    assert "{'label': 'Seed used', 'value': '4242', 'copy': True}" in str(shown(app, "facts"))
    app.menu_button(key="use-again").click("everything,seed").run()
    assert param(app, "number_input", "seed", SEED_MODEL).value == 4242
    assert desk.generate(app.switch_page(FORM)).params["seed"] == 4242
