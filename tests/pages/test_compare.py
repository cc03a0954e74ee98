"""The page that compares takes: what its address names, in that order, and what it says of the rest."""

import pytest

from backend.services.library import edit
from tests.pages.conftest import link, shown, words
from tests.viewers import LOCAL_VIEWER

COMPARE = "library/compare.py"


@pytest.mark.parametrize(
    ("named", "drawn", "said"),
    [
        ("{0},{1}", [0, 1], ""),
        ("{2},{0},{2}", [2, 0], ""),
        (" {0} , ,{1},", [0, 1], ""),
        ("{0},{1},nobody's", [0, 1], "Not there, or not yours to see: nobody's"),
        ("{0}", [], "Two takes at least are needed"),
        ("", [], "Two takes at least are needed"),
        ("{0},<b>x</b>", [], r"Not there, or not yours to see: \<b\>x"),
        ("{0},{1},{2},{3},{4},{5},{6}", [0, 1, 2, 3, 4, 5], "names 7 takes; six at most are compared"),
    ],
)
def test_an_address_compares_the_takes_that_it_names_and_says_what_is_wrong_with_it(
    visit, desk, named, drawn, said
):
    jobs = [desk.take("stored", f"One of seven, {number}") for number in range(7)]
    app = visit(COMPARE, takes=named.format(*(job.id for job in jobs)))
    takes = [card["id"] for part in shown(app, "compare") for card in part["takes"]]
    assert takes == [jobs[number].id for number in drawn]
    assert said in words(app)
    assert link(app, "Back to the gallery") == "gallery?"


def test_review_tags_and_note_of_a_take_are_changed_on_its_page_by_whoever_may(visit, desk):
    job = desk.take("stored")
    app = visit("library/take.py", take=job.id)
    app.selectbox(key=f"review-{job.id}-0").set_value("approved").run()
    app.text_area(key=f"note-{job.id}-1").set_value("  Too dark at 0:03 ").run()
    now = desk.job(job)
    assert (now.review, now.review_by, now.note) == ("approved", LOCAL_VIEWER.name, "Too dark at 0:03")
    tags = app.multiselect(key=f"tags-{job.id}-2")
    tags.options.append("hero")
    tags.set_value(["hero"]).run()
    judged = shown(app, "player")[0]["judged"]["card"]
    assert (judged["id"], judged["tags"], judged["review"]["state"]) == (job.id, ["hero"], "approved")


def test_a_tag_that_somebody_gave_since_the_page_was_drawn_stays_when_another_is_given_or_taken(visit, desk):
    job = desk.take("stored")
    edit.tag_take(desk.deps, LOCAL_VIEWER, job.id, add=["old"])
    app = visit("library/take.py", take=job.id)
    edit.tag_take(desk.deps, LOCAL_VIEWER, job.id, add=["theirs"])
    tags = app.multiselect(key=f"tags-{job.id}-1")
    tags.options.append("mine")
    tags.set_value(["mine"]).run()
    assert shown(app, "player")[0]["judged"]["card"]["tags"] == ["mine", "theirs"]


def test_a_take_is_trashed_and_restored_on_its_page_which_says_by_whom_and_how_long_it_is_kept(visit, desk):
    job = desk.take("stored")
    app = visit("library/take.py", take=job.id)
    assert "In the trash" not in words(app)
    app.button(key=f"trash-{job.id}").click().run()
    assert desk.job(job).trashed_at is not None
    assert f"In the trash: moved there by {LOCAL_VIEWER.name}" in words(app).replace("\\", "")
    assert "kept for 30 more days" in words(app)
    app.button(key=f"restore-{job.id}").click().run()
    assert (desk.job(job).trashed_at, "In the trash" in words(app)) == (None, False)
    assert f"trash-{job.id}" in {button.key for button in app.button}
