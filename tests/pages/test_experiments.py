"""Experiments on the pages: list, editor of a plan, price, what is done while it runs, verdict."""

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import cycle
from typing import Any

import pytest
from streamlit import dataframe_util
from streamlit.testing.v1 import AppTest

from backend.domain.experiments.words import ExperimentState
from backend.models import FileCheck, Vote
from backend.services.deps import Deps
from backend.services.experiments import change, control, view
from backend.services.experiments.judging import criteria, raters
from backend.services.experiments.planning.naming import combination_words
from backend.services.experiments.reports import report
from backend.services.experiments.view import ExperimentView
from backend.services.gallery import takes as gallery
from backend.store.jobs import jobs as job_rows
from backend.store.money import ledger
from pages.ui import context, text
from pages.ui.experiments import listing
from pages.ui.experiments.plan import levels
from pages.ui.experiments.words import tell_apart
from tests.pages.conftest import Desk, link, shown, words
from tests.services.experiments.building import PROMPTS, make_experiment, ticks
from tests.services.receiving import WAY
from tests.viewers import LOCAL_VIEWER
from tests.world import run_sql

Visit = Callable[..., AppTest]
LIST, ONE, TAKE = "library/experiments.py", "library/experiment.py", "library/take.py"
AXES = {"prompt": PROMPTS, "params.duration": ["5", "10"]}


def of(deps: Deps, experiment_id: str) -> ExperimentView:
    return view.get_experiment(deps, LOCAL_VIEWER, experiment_id)


def running(desk: Desk, **more: Any) -> str:
    """A started experiment whose takes are all sent."""
    made = make_experiment(desk.deps, LOCAL_VIEWER, **{"axes": AXES, "canary": 0, "repeats": 1, **more})
    control.start(desk.deps, LOCAL_VIEWER, made.experiment.id)
    ticks(desk, 2)
    return made.experiment.id


def come_home(desk: Desk, experiment_id: str, states: Sequence[str] = ("stored",)) -> list[str]:
    """Its takes end, in these states by turns; their ids."""
    trials = [one for of_cell in of(desk.deps, experiment_id).trials.values() for one in of_cell]
    jobs = [one.job_id for one in trials if one.job_id]
    for job_id, state in zip(jobs, cycle(states), strict=False):
        for event in WAY[state][2:]:
            desk.move(job_id, event)
    return jobs


def vote(desk: Desk, experiment_id: str, rater: str, best: str, number: int = 12) -> None:
    """So many votes of one rater, for the takes of one cell against all others."""
    deps, found = desk.deps, of(desk.deps, experiment_id)
    cell_of = {one.job_id: cell for cell, trials in found.trials.items() for one in trials}
    good = next(take for take, cell in cell_of.items() if cell == best)
    others = cycle(take for take, cell in cell_of.items() if cell != best)
    with deps.store.begin() as session:
        asked = criteria.first_id(session, found.experiment)
        session.add_all(
            Vote(
                id=deps.clock.new_id(), experiment_id=experiment_id, criterion_id=asked, left_job=good,
                right_job=next(others), rater=rater, choice="left", kind="person", at=deps.clock.now(),
            )
            for _ in range(number)
        )  # fmt: skip


def flag(desk: Desk, take: str) -> None:
    """A machine has flagged this take's file."""
    video = gallery.get_take(desk.deps, LOCAL_VIEWER, take).video
    assert video is not None
    with desk.deps.store.begin() as session:
        known = {"video_id": video.id, "name": "frozen_s", "version": 1, "at": desk.deps.clock.now()}
        session.add(FileCheck(value=2.0, flagged=True, **known))


def test_without_experiments_the_list_says_why_several_takes_and_has_one_button(visit: Visit) -> None:
    app = visit(LIST)

    assert "Videos of one prompt differ; so judge prompts by several takes" in words(app)
    assert "last sweep" in words(app), "a page that has nothing to show has its foot as well"
    assert "B is as good as any (97 \\%). Not yet known: whether it is better than C." in words(app)
    app.button(key="first-experiment").click().run()
    assert "A new experiment" in words(app)


def test_a_plan_is_priced_while_it_is_filled_in_and_nothing_is_paid_before_the_button_with_the_amount(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    app = visit(ONE)
    app.text_input(key="plan:name").set_value("Which dress?")
    app.session_state["plan:levels"] = tuple(("prompt", prompt) for prompt in PROMPTS)
    app.run()
    assert [metric.value for metric in app.metric] == ["2", "8", "\\$3\\.36"]
    assert "the better of two at 65 \\: 35 is picked about 9 times in 10" in words(app)
    app.button(key="plan-keep").click().run()
    assert (app.query_params["step"], desk.count()) == ("price", 0)
    assert "It never spends more than \\$3\\.36" in words(app)
    label = app.button(key="experiment-start").label
    app.button(key="experiment-start").click().run()

    assert label == "Make 8 takes for up to \\$3\\.36 \\(demo\\: free\\)"
    assert app.query_params["step"] == "canary"
    (steps,) = shown(app, "steps")
    assert [step["name"] for step in steps["steps"]] == ["Plan", "Price", "Canary", "Run", "Judge", "Learn"]
    assert [step["id"] for step in steps["steps"] if step["done"]] == ["plan", "price"]
    assert of(deps, app.query_params["id"]).experiment.state == ExperimentState.CANARY


def test_a_refused_plan_says_what_is_wrong_beside_its_fields_and_stays_also_over_a_reload(
    visit: Visit,
) -> None:
    app = visit(ONE)
    (empty,) = shown(app, "axes")
    assert (empty["levels"], empty["faults"]) == ([], {})
    app.session_state["plan:levels"] = (
        ("params.duration", "5"),
        ("prompt", "A dress"),
        ("prompt", "A  dress"),
    )
    app.run()
    app.button(key="plan-keep").click().run()
    (axes,) = shown(app, "axes")
    errors = [error.value for error in app.error]

    assert "Name is missing; say what it is called" in errors
    assert not any("value" in error for error in errors), "these stand beside their values"
    twice = "Two values are both called 'A dress'; give each value once"
    assert axes["faults"] == {
        "params.duration": {"says": levels.ONE_VALUE, "at": []},
        "prompt": {"says": twice, "at": ["A dress", "A  dress"]},
    }
    (again,) = shown(visit(ONE), "axes")
    assert again["levels"] == axes["levels"] == [
        ["params.duration", "5"], ["prompt", "A dress"], ["prompt", "A  dress"],
    ]  # fmt: skip


def test_what_can_be_varied_comes_with_the_values_that_are_known_of_it(visit: Visit) -> None:
    app = visit(ONE)
    app.text_area(key="plan:prompt").set_value("A {{ garment }} by the sea").run()
    (axes,) = shown(app, "axes")
    offers = {offer["axis"]: offer for offer in axes["offers"]}
    assert [axis for axis, offer in offers.items() if offer["wanted"]] == ["garment"]
    assert ["5", "5 s"] in offers["params.duration"]["choices"]
    assert not offers["params.duration"]["own"]
    assert (offers["prompt"]["choices"], offers["prompt"]["own"]) == ([], True)
    app.selectbox(key="plan:model").set_value("xai/grok-imagine-video/text-to-video").run()
    (axes,) = shown(app, "axes")
    (duration,) = (offer for offer in axes["offers"] if offer["axis"] == "params.duration")
    assert duration["choices"] == [[f"{s}", f"{s} s"] for s in range(1, 16)], "a range of the model's"
    app.session_state["plan:levels"] = (("garment", "red"),)
    app.text_area(key="plan:prompt").set_value("A dress").run()
    (axes,) = shown(app, "axes")
    said = "No prompt names {{ garment }}: write it into the prompt, or take it away here."
    assert axes["faults"]["garment"]["says"] == said


def test_a_plan_looks_for_no_tables_so_that_pandas_need_not_be_loaded(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(dataframe_util, "determine_data_format", asked.append)
    app = visit(ONE)
    app.session_state["plan:levels"] = tuple(("prompt", prompt) for prompt in PROMPTS)
    assert not app.run().exception
    app.file_uploader(key="plan:file:1").upload("plan.csv", b"prompt\nA red dress\nA blue dress\n").run()
    assert "2 rows" in words(app)
    assert asked == []


def test_rows_of_a_file_stand_in_place_of_the_table_until_they_are_removed(visit: Visit) -> None:
    app = visit(ONE)
    app.file_uploader(key="plan:file:1").upload(
        "plan.csv", b"prompt;params.duration\nA red dress;5\nA blue dress;10\n"
    ).run()
    assert [metric.value for metric in app.metric][:2] == ["2", "8"]
    assert "2 rows" in words(app)
    assert "| Prompt | Duration |" in words(app)
    assert "| A red dress | 5 |" in words(app)
    app.button(key="plan-file-remove").click().run()

    assert "2 rows" not in words(app)


def test_a_take_is_varied_from_its_page_and_a_plan_is_taken_up_again(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    job = desk.take("stored", prompt="A red dress, slow pan")
    app = visit(TAKE, take=job.id)
    app.button(key=f"vary-this-{job.id}").click().run()
    assert app.text_area(key="plan:prompt").value == "A red dress, slow pan"
    assert app.text_area(key="plan:prompt").disabled, "the ones below are what is sent"
    (axes,) = shown(app, "axes")
    assert axes["levels"] == [["prompt", "A red dress, slow pan"]]
    run_sql(deps, "UPDATE job SET model = 'fal-ai/pixverse/v5/text-to-video' WHERE id = :id", id=job.id)
    app = visit(ONE, **{"from": job.id})
    assert app.warning[0].value.startswith("fal\\-ai/pixverse/v5/text\\-to\\-video is not offered any more.")
    assert not app.selectbox(key="plan:model").select_index(1).run().warning

    draft = make_experiment(deps, LOCAL_VIEWER).experiment.id
    app = visit(ONE, id=draft, step="plan")
    app.button(key="plan-copy").click().run()
    (axes,) = shown(app, "axes")
    assert axes["levels"] == [["prompt", prompt] for prompt in PROMPTS]
    app.button(key="plan-keep").click().run()
    assert of(deps, draft).experiment.state == ExperimentState.CLOSED
    assert of(deps, app.query_params["id"]).experiment.state == ExperimentState.DRAFT


def test_the_first_takes_are_shown_without_names_and_the_rest_waits_for_go_on(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, canary=2)
    button = visit(ONE, id=one).button(key="experiment-go-on")
    assert button.label.startswith("Go on unseen with 2 takes · \\$")
    assert button.help == "2 takes of the first ones are not here yet."
    come_home(desk, one)
    app = visit(ONE, id=one)
    (matrix,) = shown(app, "matrix")

    assert "2 of 2 first takes are here" in words(app)
    assert [cell["label"] for cell in matrix["rows"][0]["cells"]] == ["Take 1", "Take 2"]
    assert {take["state"] for cell in matrix["rows"][0]["cells"] for take in cell["takes"]} == {"completed"}
    rest = [cell for cell in of(deps, one).cells if of(deps, one).trials[cell.id][0].job_id is None]
    price = sum(cell.estimate_micros or 0 for cell in rest) / 1e6
    assert app.button(key="experiment-go-on").label == f"Go on with 2 takes · \\${price:.2f}".replace(
        ".", "\\."
    )
    app.button(key="experiment-go-on").click().run()
    assert of(deps, one).experiment.state == ExperimentState.RUNNING


@pytest.mark.parametrize(
    ("labels", "called"),
    [
        (["A red dress, by the sea at dusk.", "A dress by the sea at night"], ["red dusk.", "night"]),
        (["The sea at dawn in a storm", "The sea at dawn"], ["in a storm", "The sea at dawn"]),
        (["a b c d e f g h i j k l x", "a b c d e f g h i j k l y"], ["x", "y"]),
        (["z z z a b c d e f g h i x", "z z z j k l m n o p q r y"], None),
        (["q w e r a b c d e f g h x", "q w e r i a b c d e f j y"], ["g h x", "i j y"]),
        (["q w e one two three four five six", "q w e one two three four five seven", "q w e 1 a b"],
         ["one two three four five six", "one two three four five seven", "1 a b"]),
        (["A cat asleep in the warm sun", "Waves"], None),
        (["Pan", "Dolly"], None),
    ],
)  # fmt: skip
def test_long_labels_are_told_apart_by_their_own_words_and_others_stay_as_they_are(labels, called):
    assert tell_apart(labels) == (called or labels)


def test_the_matrix_warns_whoever_may_judge_before_it_names_cells(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk)
    jobs = come_home(desk, one, ("stored", "stored", "stored", "failed"))
    with deps.store.begin() as session:
        cheap = job_rows.get(session, jobs[0])
        ledger.record_bill(session, cheap, units=2, usd=0.20, at=deps.clock.now())
    app = visit(ONE, id=one, step="run")
    assert shown(app, "matrix") == []
    app.button(key="judge-first").click().run()
    assert app.query_params["step"] == "judge"
    app = visit(ONE, id=one, step="run")
    app.button(key="show-names").click().run()
    (matrix,) = shown(app, "matrix")

    assert matrix["columns"] == PROMPTS
    assert [row["label"] for row in matrix["rows"]] == ["5 s", "10 s"]
    assert json.dumps(matrix).count(PROMPTS[0]) == 4, "not with each of its cells: there may be thousands"
    assert [cell["at"] for row in matrix["rows"] for cell in row["cells"]] == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert raters.is_sighted(deps, LOCAL_VIEWER, one)
    assert "3 of 4 takes, 1 failed" in words(app)
    assert "spent \\$3\\.70, no cap" in words(app), "what was billed, not what was estimated"
    assert "step=run" in link(visit(ONE, id=one, step="price"), "How its takes come along")
    app = visit(TAKE, take=jobs[3])
    assert "A retry stands in its place there" in words(app)
    assert f"id={one}" in link(app, "Of the experiment **")
    app = visit(ONE, id=one, step="run")
    app.button(key="experiment-retry").click().run()
    assert of(deps, one).counts["planned"] == 1
    assert "a retry from here stands alone" in words(visit(TAKE, take=jobs[3]))
    app.button(key="experiment-pause").click().run()
    assert of(deps, one).experiment.state == ExperimentState.PAUSED
    app.button(key="experiment-resume").click().run()
    assert of(deps, one).experiment.state == ExperimentState.RUNNING
    app.button(key="experiment-close").click().run()
    assert of(deps, one).experiment.state == ExperimentState.CLOSED
    app = visit(ONE, id=one)
    assert "this one is closed" in words(app)
    app.button(key="plan-another").click().run()
    assert app.query_params["step"] == "plan"


def test_a_matrix_that_somebody_watches_asks_before_it_names_the_takes_that_come_home(
    visit: Visit, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = running(desk)
    app = visit(ONE, id=one, step="run")
    assert len(shown(app, "matrix")) == 1
    monkeypatch.setattr(context, "is_refreshing", cache(lambda: bool(come_home(desk, one))))
    app.run()
    assert shown(app, "matrix") == []
    assert app.button(key="show-names")


def test_a_cell_grows_is_dropped_and_leads_to_its_takes_in_the_gallery(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk)
    cell = of(deps, one).cells[0]
    app = visit(ONE, id=one, step="run", cell=cell.id)
    assert "\\$0\\.70" in app.button(key="cell-grow").label
    app.button(key="cell-grow").click().run()
    assert len(of(deps, one).trials[cell.id]) == 2
    app.button(key="cell-drop").click().run()
    assert of(deps, one).cells[0].dropped_at is not None
    app = visit(ONE, id=one, step="run", cell=cell.id)
    app.button(key="cell-takes").click().run()

    (wall,) = shown(app, "wall")
    assert [take["id"] for take in wall["takes"]] == [of(deps, one).trials[cell.id][0].job_id]
    called = combination_words(cell.levels)
    assert app.button(key=f"drop-cell-{cell.id}").label == text.plain(f"Cell: {called}")
    app = visit("library/gallery.py", experiment=one)
    assert app.button(key=f"drop-experiment-{one}").label == text.plain(
        f"Experiment: {of(deps, one).experiment.name}"
    )


def test_an_experiment_grows_by_a_value_for_the_amount_on_the_button(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, cap_usd=5.0)
    app = visit(ONE, id=one, step="run")
    app.session_state["growing"] = True
    app.run()
    app.session_state[f"grow-values:{one}:prompt"] = ["A green dress in the sun"]
    app.run()
    assert app.button(key="experiment-extend").label == "Make 1 take for up to \\$0\\.70 \\(demo\\: free\\)"
    app.button(key="experiment-extend").click().run()

    assert [cell.levels["prompt"] for cell in of(deps, one).cells] == [*PROMPTS, "A green dress in the sun"]
    assert of(deps, one).experiment.cap_micros == 5_700_000


def test_the_verdict_stands_in_words_first_and_leads_to_what_helps_next(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS}, repeats=2)
    come_home(desk, one)
    app = visit(ONE, id=one, step="learn")
    assert "Too early\\: nobody has voted yet" in words(app)
    app.button(key="next-judge").click().run()
    assert app.query_params["step"] == "judge"
    best = of(deps, one).cells[1].id
    for rater in ("bea", "carl"):
        vote(desk, one, rater, best)
    vote(desk, one, "carl", of(deps, one).cells[0].id, 2)  # each take was shown
    jobs = [str(trial.job_id) for trial in of(deps, one).trials[best]]
    flag(desk, jobs[0])
    listed = words(visit(LIST))
    assert "Takes, not votes, are what is missing" in listed
    assert "Learn: takes wanted" in listed
    app = visit(ONE, id=one, step="learn")
    assert "1 file was looked at; flagged\\: frozen s in 1" in words(app)
    (wall,) = shown(app.button(key=f"flagged-{best}").click().run(), "wall")
    assert sorted(take["id"] for take in wall["takes"]) == sorted(jobs)
    app = visit(ONE, id=one, step="learn")
    assert "Takes, not votes, are what is missing" in words(app)
    assert "1 of 4 judged takes won more of their pairs than they lost\\: \\$2\\.80" in words(app)
    assert app.button(key="buy-takes").label == "Buy 1 take for \\$0\\.70"
    control.pause(deps, LOCAL_VIEWER, one)
    app.button(key="buy-takes").click().run()
    assert of(deps, one).counts["planned"] == 1
    assert "1 take more is made once it is resumed" in " ".join(toast.value for toast in app.toast)
    control.resume(deps, LOCAL_VIEWER, one)
    again = visit(ONE, id=one, step="learn")
    assert "1 take is on the way" in words(again)
    assert "buy-takes" not in [button.key for button in again.button], "paid takes aren't offered once more"
    app.button(key="exclude-bea").click().run()

    assert "bea" in words(app)
    known = {rater.rater: rater for rater in raters.list_raters(deps, LOCAL_VIEWER, one)}
    assert known["bea"].excluded_at is not None
    app.button(key="exclude-carl").click().run()
    assert "No take was judged yet" in words(app), "whose votes are left out has judged nothing"
    html = report.write_report(deps, LOCAL_VIEWER, one).decode()
    assert "prefers-color-scheme: dark" in html
    assert "26 of raters who were left out by a person" in html
    assert raters.is_sighted(deps, LOCAL_VIEWER, one)
    assert not app.download_button(key="experiment-report").click().run().exception
    assert not app.download_button(key="experiment-export").click().run().exception


def test_no_number_of_agreement_stands_without_its_n_and_interval_and_a_flag_is_told_at_the_verdict(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": [*PROMPTS, "A third dress"]})
    come_home(desk, one)
    first, second, third = (cell.id for cell in of(deps, one).cells)
    for rater in ("bea", "carl"):
        vote(desk, one, rater, first)
    vote(desk, one, "lefty", first, 40)
    vote(desk, one, "lefty", second, 40)
    run_sql(deps, "UPDATE vote SET seen_left_ms = 0 WHERE rater = 'lefty'")
    told = words(visit(ONE, id=one, step="learn"))
    assert "From 104 votes, on 3 takes of 3 cells" in told
    assert "answered 80 before both takes had played" in told
    assert "lefty is flagged, and their 80 of 104 votes count" in told
    assert re.search(
        r"bea\*\* · 12 votes · agrees with the others in \d+ % \(12 decided, 95 %: \d+ – \d+ %", told
    )
    assert re.search(r"agree \w+ on the \d+ pairs .*alpha -?\d\\.\d\d, 95 %\\: -?\d", told)
    assert re.search(r"got the same answer in \d+ % \\\(95 %\\: \d+ – \d+ %; \d+ came back", told)
    change.change_cells(deps, LOCAL_VIEWER, one, drop=[third])
    told = words(visit(ONE, id=one, step="learn"))
    assert "on 2 takes of 2 cells" in told, "of what is counted alone"


def test_whoever_runs_it_invites_people_and_asks_further_questions(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk)
    come_home(desk, one)
    app = visit(ONE, id=one, step="judge")
    app.multiselect(key=f"invite:{one}").set_value(["studio"])
    app.button(key="invite").click().run()
    assert [rater.rater for rater in raters.list_raters(deps, LOCAL_VIEWER, one)] == ["studio"]
    app.text_input(key="criterion:question").set_value("Which fabric moves better?")
    app.button(key="ask-more").click().run()
    asked = criteria.list_criteria(deps, LOCAL_VIEWER, one)
    assert [criterion.question for criterion in asked][1:] == ["Which fabric moves better?"]
    app.button(key=f"retire-{asked[1].id}").click().run()

    assert len(criteria.list_criteria(deps, LOCAL_VIEWER, one)) == 1
    control.close(deps, LOCAL_VIEWER, one)
    app = visit(ONE, id=one, step="judge")
    assert "nobody judges it any more" in words(app)
    assert "studio" in words(app)
    assert "step=learn" in link(app, "What the votes say")
    assert "step=plan" in link(app, "Its plan, and another one like it")
    assert (len(app.multiselect), len(app.toggle), len(app.button)) == (0, 0, 0)


def test_the_list_tells_each_experiments_state_takes_spending_and_verdict(
    visit: Visit, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_experiment(desk.deps, LOCAL_VIEWER, name="An older one")
    one = running(desk, cap_usd=9.0)
    come_home(desk, one)
    monkeypatch.setattr(listing, "PAGE_SIZE", 1)
    app = visit(LIST)
    assert f"before={one}" in link(app, "Older ones")
    told = words(app)

    assert "4 of 4 takes · \\$4\\.20 of \\$9\\.00 · 0 votes" in told
    assert "Too early" in told
    assert "Judge: votes wanted" in told
    assert one in link(app, "**Which dress")
    app.button(key="new-experiment").click().run()
    assert link(app, "Experiments").startswith("experiments")


def test_votes_given_elsewhere_come_in_by_a_file_or_every_line_at_fault_is_named(
    visit: Visit, desk: Desk, deps: Deps
) -> None:
    one = running(desk, axes={"prompt": PROMPTS})
    first, second = come_home(desk, one)[:2]
    app = visit(ONE, id=one, step="learn")
    assert app.button(key="import-votes").disabled
    app.file_uploader(key="votes-in:0").upload(
        "votes.csv", f"left,right,choice,rater\n{first},gone,left,ann\n{first},{second},both,bob\n".encode()
    ).run()
    app.button(key="import-votes").click().run()
    faults = app.error[-1].value
    assert faults.startswith("No vote was imported.\n")
    assert "line 2 right names the take gone" in faults
    assert "line 3 choice is both" in faults
    assert of(deps, one).votes == 0
    good = f"left,right,choice,rater\n{first},{second},left,ann\n{second},{first},tie,bob\n".encode()
    app.file_uploader(key="votes-in:0").upload("votes.csv", good).run()
    app.button(key="import-votes").click().run()
    assert "2 votes were imported." in " ".join(toast.value for toast in app.toast)
    assert "No vote was imported" not in " ".join(error.value for error in app.error)
    assert of(deps, one).votes == 2
    assert "From 2 votes, 1 of them ties" in words(app)
    control.close(deps, LOCAL_VIEWER, one)
    assert not visit(ONE, id=one, step="learn").file_uploader
