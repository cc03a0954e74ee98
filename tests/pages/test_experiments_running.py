"""An experiment while it runs, on its pages: what its buttons offer, what that costs, and what is said."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from backend.domain.states import JobEvent
from backend.services.deps import Deps
from backend.services.experiments import change, control, extend, waves
from backend.store.experiments.plans import TrialNow
from pages.ui import context
from tests.pages.conftest import Desk, link, rows_of, shown, words
from tests.pages.test_experiments import LIST, ONE, come_home, of, running, vote
from tests.services.experiments.building import PROMPTS, make_experiment, retire_model_of, ticks
from tests.viewers import LOCAL_VIEWER
from tests.world import UNPRICED, run_sql

Visit = Callable[..., AppTest]


def keys(app: AppTest) -> set[str | None]:
    return {button.key for button in app.button}


def test_takes_of_a_model_that_is_gone_are_not_offered_and_that_is_said(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, repeats=2, cap_usd=20.0)
    come_home(desk, one)
    first, second = of(deps, one).cells
    for rater in ("bea", "carl"):
        vote(desk, one, rater, second.id)
    vote(desk, one, "carl", first.id, 2)
    assert "buy-takes" in keys(visit(ONE, id=one, step="learn"))
    retire_model_of(deps, first.id, second.id)
    app = visit(ONE, id=one, step="learn")
    assert "buy-takes" not in keys(app)
    assert "no take can be made any more\\. Its model, fal\\-ai/retired, is not offered any more" in words(
        app
    )
    assert "Drop what can't be made, or plan another experiment" in words(app)
    app = visit(ONE, id=one, step="run", cell=first.id)
    app.button(key="show-names").click().run()
    assert "cell-grow" not in keys(app)
    assert "No more takes of it can be made. Its model, fal\\-ai/retired" in words(app)
    assert app.button(key="cell-drop")


def trials(deps: Deps, one: str) -> list[TrialNow]:
    return [trial for of_cell in of(deps, one).trials.values() for trial in of_cell]


def pause_for_failures(deps: Deps, one: str) -> None:
    waves.pause_by_itself(deps, one, "6 of the last 10 takes failed. See what they say.")


def said(app: AppTest) -> str:
    return " ".join(toast.value for toast in app.toast)


def test_what_a_retry_offers_keeps_up_with_takes_that_fail_while_somebody_watches(
    visit: Visit, desk: Desk, deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = running(desk, axes={"prompt": PROMPTS})
    app = visit(ONE, id=one, step="run")
    assert "experiment-retry" not in keys(app)
    for _ in range(2):  # it fails, is retried, and fails again; the other one is still on its way
        monkeypatch.setattr(context, "is_refreshing", cache(lambda: bool(fail_newest(desk, one))))
        app.run()
        assert app.button(key="experiment-retry").label == "Retry 1 that failed · up to \\$0\\.70"
        app.button(key="experiment-retry").click().run()
        assert "1 take is made again." in said(app)
        assert "experiment-retry" not in keys(app)
        ticks(desk)


def fail_newest(desk: Desk, one: str) -> bool:
    """Of what is on its way the take that was asked for last fails."""
    desk.move(max(on_way(desk.deps, one)), JobEvent.ERRORED)
    return True


def on_way(deps: Deps, one: str) -> list[str]:
    return [str(trial.job_id) for trial in trials(deps, one) if trial.job_state == "queued"]


def test_a_retry_of_one_that_paused_for_failures_resumes_it_and_its_amount_is_of_all_that_is_made_then(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, repeats=2, at_once=2)
    come_home(desk, one, ("failed",))
    pause_for_failures(deps, one)
    app = visit(ONE, id=one, step="run")
    assert app.button(key="experiment-retry").label == "Retry 2 that failed, and resume · up to \\$2\\.80"
    app.button(key="experiment-retry").click().run()
    assert of(deps, one).experiment.state == "running"
    assert "2 takes are made again." in said(app)
    ticks(desk, 2)
    assert of(deps, one).counts["processing"] == 2


def test_a_retry_counts_no_dropped_cell_and_nothing_that_cannot_be_made(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": [*PROMPTS, "A green dress", "A grey coat"]})
    come_home(desk, one, ("failed",))
    first, second, third, _ = of(deps, one).cells
    change.change_cells(deps, LOCAL_VIEWER, one, drop=[first.id])
    retire_model_of(deps, second.id)
    app = visit(ONE, id=one, step="run")
    assert app.button(key="experiment-retry").label == "Retry 2 that failed · up to \\$1\\.40"
    assert "1 take can't be made for now\\. Its model, fal\\-ai/retired, is not offered" in words(app)
    app.button(key="experiment-retry").click().run()
    assert "2 takes are made again." in said(app)
    assert of(deps, one).counts["planned"] == 2
    ticks(desk)
    for job_id in on_way(deps, one):
        desk.move(job_id, JobEvent.ERRORED)
    change.change_cells(deps, LOCAL_VIEWER, one, drop=[third.id])
    retire_model_of(deps, *(cell.id for cell in of(deps, one).cells))
    control.pause(deps, LOCAL_VIEWER, one)
    app = visit(ONE, id=one, step="run")
    assert "experiment-retry" not in keys(app)


def test_places_without_a_take_say_why_where_everybody_sees_it_and_wait_for_a_price_or_no_cap(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, base=UNPRICED, cap_usd=9.0)
    app = visit(ONE, id=one, step="run", cell=of(deps, one).cells[0].id)
    assert "0 of 2 takes, 2 could not be made" in words(app)
    assert "2 takes could not be made\\. Nobody knows what this take costs" in words(app)
    assert "1 take could not be made\\. Nobody knows what this take costs" in words(app), (
        "in the cell's panel"
    )
    assert "experiment-retry" not in keys(app), "they would only wait again"
    assert "2 could not be made" in words(visit(LIST))
    extend.extend_experiment(deps, LOCAL_VIEWER, one, {"cap_usd": None})
    app = visit(ONE, id=one, step="run")
    label = app.button(key="experiment-retry").label
    assert label == "Retry 2 that could not be made · price not known"
    app.button(key="experiment-retry").click().run()
    ticks(desk)
    assert of(deps, one).counts["processing"] == 2


def test_where_the_cap_is_why_it_stopped_the_first_button_raises_it_by_what_the_rest_costs_at_most(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, repeats=2, cap_usd=1.5)
    assert of(deps, one).experiment.state == "paused"
    app = visit(ONE, id=one, step="run")
    raises = app.button(key="experiment-raise-cap")
    assert raises.label == "Raise the cap to \\$2\\.80 for the other 2 takes · up to \\$1\\.40"
    assert (raises.proto.type, app.button(key="experiment-resume").proto.type) == ("primary", "secondary")
    app.button(key="experiment-raise-cap").click().run()
    row = of(deps, one).experiment
    assert (row.state, row.cap_micros) == ("running", 2_800_000)
    assert "The cap is \\$2\\.80; it goes on." in said(app)
    ticks(desk, 2)
    assert of(deps, one).counts["processing"] == 4
    change.raise_cap(deps, LOCAL_VIEWER, one, cap_usd=2.0)
    assert of(deps, one).experiment.cap_micros == 2_800_000, "whoever presses later lowers nothing"
    two = running(desk, axes={"prompt": PROMPTS}, repeats=2, cap_usd=1.5, name="Of a model that is gone")
    retire_model_of(deps, *(cell.id for cell in of(deps, two).cells))
    app = visit(ONE, id=two, step="run")
    assert "experiment-raise-cap" not in keys(app), "no cap helps"
    assert "2 takes can't be made for now\\. Its model, fal\\-ai/retired" in words(app)


def test_one_whose_takes_are_all_here_says_so_and_what_comes_next(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS})
    assert "Running" in badges(visit(ONE, id=one, step="run"))
    come_home(desk, one)
    app = visit(ONE, id=one, step="run")
    assert "All takes are here" in badges(app)
    assert "step=judge" in link(app, "Next: judge pairs of them")
    assert "All takes are here" in badges(visit(LIST))


def test_the_step_that_waits_is_marked_while_somebody_watches_the_first_takes_come_home(
    visit: Visit, desk: Desk, deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, canary=2, repeats=2)
    app = visit(ONE, id=one)
    assert waits(app) == {}
    monkeypatch.setattr(context, "is_refreshing", cache(lambda: bool(come_home(desk, one))))
    app.run()
    assert waits(app) == {"canary": "look, go on"}


def waits(app: AppTest) -> dict[str, str]:
    (steps,) = shown(app, "steps")
    return {step["id"]: step["waits"] for step in steps["steps"] if step["waits"]}


def badges(app: AppTest) -> str:
    return " ".join(str(item.value) for item in app.get("markdown") if "-badge[" in str(item.value))


def test_an_emptied_cap_takes_it_away_and_what_that_means_is_said_before(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, repeats=2, cap_usd=1.5)
    app = visit(ONE, id=one, step="run")
    app.session_state["growing"] = True
    app.run()
    (field,) = [one for one in app.number_input if one.label == "Spends at most (USD)"]
    assert (field.value, field.proto.HasField("default")) == (1.5, False), (
        "else no browser lets it be emptied"
    )
    field.set_value(None).run()
    run_sql(deps, "UPDATE experiment SET version = version + 1")  # a take of it was made meanwhile
    app.run()
    assert "Without a cap it spends whatever its takes cost, as far as budgets let it" in words(app)
    assert "The 2 takes still to be made\\: up to \\$1\\.40" in words(app)
    assert app.button(key="experiment-extend").label == "Take the cap away"
    app.button(key="experiment-extend").click().run()
    assert of(deps, one).experiment.cap_micros is None
    assert "It has no cap any more\\. Resume it to go on" in said(app)
    app = visit(ONE, id=one, step="run")
    assert "experiment-raise-cap" not in keys(app)
    app.button(key="experiment-resume").click().run()
    assert ticks(desk, 2) == 2


def test_before_two_takes_are_here_nobody_is_sent_to_judge_and_the_first_time_pairs_are_not_more(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    draft = make_experiment(deps, LOCAL_VIEWER).experiment.id
    app = visit(ONE, id=draft, step="learn")
    assert "start it on the step Price; nothing is made yet" in words(app)
    assert "step=price" in link(app, "The step Price")
    one = running(desk, axes={"prompt": PROMPTS})
    app = visit(ONE, id=one, step="learn")
    assert "its takes\\. 0 of 2 takes are here; once two are, there is something to judge" in words(app)
    assert "next-judge" not in keys(app)
    assert "step=run" in link(app, "The step Run")
    come_home(desk, one, ("stored", "failed"))
    app = visit(ONE, id=one, step="learn")
    assert "1 of 2 takes, 1 failed\\: nothing is in progress any more" in words(app)
    assert "next-judge" not in keys(app)
    two = running(desk, axes={"prompt": PROMPTS}, name="Another one", reuse=False)
    come_home(desk, two)
    assert visit(ONE, id=two, step="learn").button(key="next-judge").label == "Judge pairs"


def test_what_was_reused_cost_nothing_anew_and_a_step_that_never_was_is_not_ticked(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS})
    come_home(desk, one)
    two = running(desk, axes={"prompt": PROMPTS}, name="The same once more", reuse=True)
    vote(desk, two, "bea", of(deps, two).cells[0].id, 2)
    app = visit(ONE, id=two, step="learn")
    assert "all were there before, and cost this experiment nothing" in words(app)
    costs = [row["Cost of a take"] for row in rows_of(app, "Cost, time and failures by value")]
    assert costs == ["nothing: reused"] * 2
    assert (done(app), notes(app)) == (["plan", "price", "run"], {"canary": "none here"})
    first = running(desk, axes={"prompt": PROMPTS}, name="With first takes", reuse=False, canary=1)
    come_home(desk, first)
    control.go_on(deps, LOCAL_VIEWER, first)
    app = visit(ONE, id=first, step="learn")
    assert (done(app), notes(app)) == (["plan", "price", "canary"], {})
    draft = make_experiment(deps, LOCAL_VIEWER).experiment.id
    control.close(deps, LOCAL_VIEWER, draft)
    app = visit(ONE, id=draft)
    assert done(app) == ["plan"]
    assert "Closed by studio before anybody had voted\\." in words(app)


def done(app: AppTest) -> list[str]:
    (steps,) = shown(app, "steps")
    return [step["id"] for step in steps["steps"] if step["done"]]


def notes(app: AppTest) -> dict[str, str]:
    (steps,) = shown(app, "steps")
    return {step["id"]: step["note"] for step in steps["steps"] if step["note"]}


def test_a_verdict_that_somebody_looks_at_follows_the_votes_of_others_and_nothing_is_worked_out_in_vain(
    visit: Visit, desk: Desk, deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = running(desk, axes={"prompt": PROMPTS})
    come_home(desk, one)
    cell = of(deps, one).cells[0].id
    vote(desk, one, "bea", cell, 2)
    app = visit(ONE, id=one, step="learn")
    assert "From 2 votes" in words(app)
    first = asks_again(app)
    assert first["again_s"] <= 5
    kept = "SELECT at FROM finding"
    before = run_sql(deps, kept)
    app.run()
    assert run_sql(deps, kept) == before
    assert asks_again(app) != first, "a browser draws nothing for the same data, and would ask once"
    come = cache(lambda: vote(desk, one, "carl", cell, 4) is None)
    monkeypatch.setattr(context, "is_refreshing", come)
    app.run()
    assert "From 6 votes" in words(app)
    assert run_sql(deps, kept) != before, "kept for whoever asks next"


def asks_again(app: AppTest) -> dict[str, Any]:
    (watch,) = [drawn for drawn in shown(app, "watch") if drawn["again_s"]]
    return watch
