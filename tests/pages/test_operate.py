"""Activity and Operations: what waits for a person, and whether all is well."""

import pytest
import streamlit as st

from backend.domain.errors import MediaDenied
from backend.domain.states import JobEvent
from backend.domain.trouble import Charged, Trouble
from backend.services.experiments import control, waves
from backend.services.gallery import takes as gallery
from backend.services.lifecycle import provider_pause
from backend.services.operations import heartbeat
from backend.services.operations.inbox import replay_all
from backend.web.api.take_json import take_json
from tests.pages.conftest import link, shown, words
from tests.services.experiments.building import make_experiment
from tests.services.receiving import LINK
from tests.viewers import LOCAL_VIEWER
from tests.world import BEN, run_sql

ACTIVITY, OPERATIONS, TAKE = "operate/activity.py", "operate/operations.py", "library/take.py"


def test_what_moves_and_what_is_held_stand_apart_with_a_place_in_line_and_the_last_trouble(visit, desk):
    job = desk.take("queued", "moves")
    trouble = {"message": "fal did not answer.", "next": "It is asked again by itself.", "charged": "no"}
    desk.change(job, error=trouble, attempts=3)
    desk.take("held", "waits", viewer=BEN)
    desk.take("stored", "done")
    app = visit(ACTIVITY)
    held, moving = shown(app, "status")
    assert (held["prompt"], moving["prompt"]) == ("waits", "moves")
    for told in ("Needs you · 1", "In progress · 1", "paid twice"):
        assert told in words(app)
    assert moving["queue"] == "2 ahead · then about 1:40–2:30"
    assert moving["trouble"] == "fal did not answer (tried 3 times). It is asked again by itself."


def test_a_held_take_is_opened_looked_at_without_sending_anything_and_given_up(visit, desk):
    job = desk.take("held")
    app = visit(ACTIVITY)
    app.button(key=f"wait-{job.id}").click().run()
    assert (desk.job(job).state, desk.count()) == ("held", 1)
    assert desk.job(job).due_at <= desk.deps.clock.now()
    app.button(key=f"open-{job.id}").click().run()
    assert app.query_params["take"] == job.id
    app.button(key=f"give-up-{job.id}").click().run()
    assert desk.job(job).state == "cancelled"


def test_a_choice_that_comes_too_late_is_said_and_changes_nothing(visit, desk):
    job = desk.take("held")
    app = visit(ACTIVITY)
    desk.move(job.id, JobEvent.FINISHED)
    app.button(key=f"give-up-{job.id}").click().run()
    assert "there is nothing to decide" in words(app)
    assert desk.job(job.id).state == "rendered"


def test_when_nothing_moves_the_page_says_so_and_leads_to_the_form(visit):
    app = visit(ACTIVITY)
    assert "All quiet: nothing in progress" in words(app)
    app.button(key="generate-one").click().run()
    assert app.text_area(key="form:prompt").value == ""


def test_a_delivery_is_read_and_applied_again(visit, desk):
    job = desk.take("queued")
    delivery = desk.delivery(job)
    app = visit(OPERATIONS)
    app.session_state["delivery-table"] = {"chosen": delivery.id}
    app.run()
    assert LINK in app.json[0].value
    assert link(app, "Open take") == f"take?take={job.id}"
    app.button(key=f"replay-{delivery.id}").click().run()
    assert desk.job(job.id).state == "rendered"
    assert "Applied again; its take is downloading." in words(app)


def test_all_deliveries_since_a_moment_are_replayed_with_progress_and_stopped_and_gone_on_with(visit, desk):
    jobs = [desk.take("queued", prompt) for prompt in ("one", "another")]
    for job in jobs:
        desk.delivery(job)
    app = visit(OPERATIONS)
    app.button(key="replay-all-start").click().run()
    assert "2 deliveries are applied again" in words(app)
    assert app.button(key="replay-all-start").disabled
    app.button(key="replay-all-stop").click().run()
    assert replay_all.work_off_replay(desk.deps) == 0
    app.button(key="replay-all-resume").click().run()
    assert replay_all.work_off_replay(desk.deps) == 2  # a worker's clock
    visit(OPERATIONS)
    assert [desk.job(job).state for job in jobs] == ["rendered"] * 2
    assert replay_all.last_replay(desk.deps).by == LOCAL_VIEWER.name


def test_takes_are_counted_by_state_as_of_the_last_refresh_and_up_to_a_number(visit, desk, monkeypatch):
    def counted():
        (bars,) = shown(app, "bars")
        return {row["word"]: row["shown"] for row in bars["rows"] if row["count"]}

    monkeypatch.setattr("backend.services.operations.totals.EXACT_UP_TO", 2)  # no sweep has counted further
    desk.take("held")
    app = visit(OPERATIONS)
    assert counted() == {"Needs a decision": "1"}
    for prompt in ("one", "another"):
        desk.take("running", prompt)
    app.button(key="refresh-page").click().run()
    assert counted() == {"Needs a decision": "1", "Rendering": "2+"}


def test_without_a_worker_every_page_says_what_comes_of_it_and_operations_alone_what_to_do(visit, desk):
    for page in (None, "library/gallery.py", ACTIVITY, OPERATIONS):
        app = visit(page)
        said = words(app).replace("\\", "")
        assert "\n".join(error.value for error in app.error).count("Your takes are safe") == 0
        assert [error.proto.title.replace("\\", "") for error in app.error] == [
            "Rendering is paused. Your takes are safe; the team is told"
        ]
        assert ("python -m backend" in said) == (page == OPERATIONS)
    st.cache_data.clear()
    heartbeat.record_heartbeat(desk.deps, "host:1", in_hand=2)
    app = visit(OPERATIONS)
    assert not app.error
    assert r"host\:1" in words(app)


@pytest.mark.parametrize(("off_s", "said"), [(0.0, "At work"), (12.4, "12 s ahead"), (-90.0, "90 s behind")])
def test_a_worker_whose_clock_went_astray_is_shown_as_that(visit, desk, monkeypatch, off_s, said):
    monkeypatch.setattr(desk.deps.store.database, "clock_skew_s", lambda *_: off_s)  # a file has none
    heartbeat.record_heartbeat(desk.deps, "host:1", in_hand=2)
    told = words(visit(OPERATIONS))
    assert said in told
    assert ("Clock astray" in told, "At work" in told) == (off_s != 0, off_s == 0)


def test_a_pause_is_shown_with_the_way_out(visit, desk):
    provider_pause.pause_provider(desk.deps, "fal", reason="fal refused our key (401).", code="http_401")
    app = visit(OPERATIONS)
    assert "refused our key" in words(app)
    app.button(key="resume-fal").click().run()
    assert provider_pause.list_pauses(desk.deps) == {}


def test_an_unreachable_public_url_says_that_polling_is_at_work(visit, monkeypatch):
    monkeypatch.setenv("FAL_KEY", "id:secret-of-a-test")
    st.cache_resource.clear()
    for page in (None, OPERATIONS):
        assert "polling is at work" in words(visit(page))


def test_a_bucket_which_does_not_tell_its_free_room_is_not_said_to_have_enough(visit, desk, monkeypatch):
    assert "Free on disk" in [figure.label for figure in visit(OPERATIONS).metric]
    # What a bucket answers; the pages' own storage is a folder here.
    monkeypatch.setattr("backend.services.storage.relocatable.RelocatableStorage.free_bytes", lambda _: None)
    assert "Free on disk" not in [figure.label for figure in visit(OPERATIONS).metric]


def test_more_takes_than_are_shown_are_counted_and_said(visit, desk):
    for number in range(52):
        desk.take("held", f"waits {number}")
    app = visit(ACTIVITY)
    assert "Needs you · 52" in words(app)
    assert "The newest 50 of them" in words(app)
    assert len(shown(app, "status")) == 50


def test_before_the_first_sweep_only_a_take_that_waits_makes_it_late(visit, desk):
    every_s = desk.deps.settings.sweep_interval_s

    def sweep_figure():
        (figure,) = [one for one in visit(OPERATIONS).metric if one.label == "Last sweep"]
        return figure.value, figure.delta, figure.proto.color == figure.proto.RED

    desk.take("stored")
    run_sql(desk.deps, "UPDATE job SET due_at = NULL")  # no take is due
    assert sweep_figure() == ("never", f"one every {every_s:g} s", False)
    desk.take("created")
    assert sweep_figure() == ("never", "Overdue", True)


def test_what_takes_meet_is_told_to_creators_and_what_to_do_about_it_to_operators_alone(visit, desk):
    heartbeat.record_heartbeat(desk.deps, "host:1", in_hand=0)
    denied = MediaDenied("This link may not be fetched: 10.0.0.7 is no public address.")
    error, at = denied.for_operators("FETCH_ALLOW names exceptions."), desk.deps.clock.now()
    trouble = Trouble.from_error(error, charged=Charged.YES, next_step="It is tried again.", at=at)
    jobs = [desk.take("rendered", prompt) for prompt in ("one", "another")]
    for job in jobs:
        desk.change(job, error=trouble.as_json(), attempts=1)

    for page, told in ((TAKE, False), (ACTIVITY, False), (OPERATIONS, True)):
        said = words(visit(page, take=jobs[1].id)).replace("\\", "")
        assert ("FETCH_ALLOW" in said) == told
        assert ("10.0.0.7" in said) == (page != ACTIVITY)
    experiment = make_experiment(desk.deps, LOCAL_VIEWER).experiment.id
    control.start(desk.deps, LOCAL_VIEWER, experiment)
    waves.pause_by_itself(desk.deps, experiment, "4 of the last 10 takes failed. Retry what failed.")
    app = visit(OPERATIONS)
    assert "2 takes meet this" in words(app)
    assert "stands still" in words(app)
    assert "Retry what failed" in words(app)
    assert experiment in link(app, "Open it")
    assert link(app, "The newest").endswith(jobs[1].id)
    take = gallery.get_take(desk.deps, LOCAL_VIEWER, jobs[1].id)
    assert "FETCH_ALLOW" not in str(take_json(desk.deps, LOCAL_VIEWER, take))
