"""An experiment grows while it runs, and loses cells; what was sent is never taken back."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.domain.states import JobEvent as E
from backend.services.experiments import change, control, waves
from tests import databases
from tests.services.client import at_fault
from tests.services.experiments.building import SEEDED, SENT, make_experiment, retire_model_of
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA

pytestmark = databases.BOTH
URL = "/api/experiments"


def call(sidecar, method, path, who="ana", **body: Any):
    return sidecar.call(who, method, f"{URL}/{path}", data=json.dumps(body).encode())


def told(answer) -> Any:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def levels(shown) -> list[tuple[str, ...]]:
    return [tuple(cell["levels"].values()) for cell in shown["cells"]]


def test_further_values_and_rows_are_combined_with_what_there_is(sidecar):
    axes = {"prompt": ["a", "b"], "params.duration": ["5", "10"]}
    path = make_experiment(sidecar.deps, axes=axes, repeats=1).experiment.id
    shown = told(
        call(sidecar, "PATCH", path, axes={"prompt": ["c {red|blue}"]}, cap_usd=20, name="Four prompts")
    )
    assert levels(shown)[4:] == [("c red", "5"), ("c red", "10"), ("c blue", "5"), ("c blue", "10")]
    assert (shown["cap_usd"], shown["name"], shown["takes"]["planned"]) == (20, "Four prompts", 8)
    assert told(call(sidecar, "PATCH", path, axes={"prompt": ["a"]}))["takes"]["planned"] == 8, "it is there"
    there = {"label": "The first", "value": "a"}
    assert told(call(sidecar, "PATCH", path, axes={"prompt": [there]}))["takes"]["planned"] == 8, (
        "by any name"
    )
    shown = told(call(sidecar, "PATCH", path, rows=[{"prompt": "d", "params.duration": "15"}]))
    assert levels(shown)[8:] == [("d", "15")]
    refused = {"axes": {"params.duration": ["99"]}}
    assert "99" in at_fault(call(sidecar, "PATCH", path, **refused))["axes.params.duration"]
    faults = at_fault(call(sidecar, "PATCH", path, axes={"style.camera": ["Orbit"]}, cap_usd=0, repeat=2))
    assert set(faults) == {"axes.style.camera", "cap_usd", "repeat"}
    assert set(at_fault(call(sidecar, "PATCH", path, rows=[{"prompt": "e"}]))) == {"rows.params.duration"}
    assert call(sidecar, "PATCH", path, who="ben", name="Mine").status_code == 404
    assert call(sidecar, "PATCH", path, who="root", name="The team's").status_code == 200


def test_cells_get_more_takes_with_the_seeds_that_follow_and_are_dropped_without_what_was_sent(sidecar):
    made = make_experiment(sidecar.deps, base={"model": SEEDED, "params": {"duration": 5}}, canary=0)
    path, (first, second) = made.experiment.id, [cell.id for cell in made.cells]
    told(call(sidecar, "POST", f"{path}/cells", takes={first: 2}))
    control.start(sidecar.deps, ANA, path)
    waves.make_due_takes(sidecar.deps)
    shown = told(sidecar.get(f"{URL}/{path}"))
    sent, unsent = (cell["takes"] for cell in shown["cells"])
    for job_id in sent:
        sidecar.advance(job_id, *SENT)
    assert [sidecar.job(one).params["seed"] for one in sent] == [1, 2]
    assert at_fault(call(sidecar, "POST", f"{path}/cells", takes={"x": 1, second: 0}))
    shown = told(call(sidecar, "POST", f"{path}/cells", drop=[second]))
    assert [cell["dropped"] for cell in shown["cells"]] == [False, True]
    assert {sidecar.job(one).state for one in unsent} == {"cancelled"}
    assert call(sidecar, "POST", f"{path}/cells", drop=[first]).status_code == 409, "the last one"
    assert {sidecar.job(one).state for one in sent} == {"queued"}
    waves.make_due_takes(sidecar.deps)
    rest = told(sidecar.get(f"{URL}/{path}"))["cells"][0]["takes"]
    assert [sidecar.job(one).params["seed"] for one in rest] == [1, 2, 3, 4]
    control.close(sidecar.deps, ANA, path)
    assert call(sidecar, "POST", f"{path}/cells", takes={first: 1}).status_code == 409
    sidecar.advance(sent[0], E.FINISHED)


def test_two_who_buy_at_once_get_their_takes_and_the_cap_that_their_buttons_said(sidecar):
    made = make_experiment(sidecar.deps, cap_usd=5.0, repeats=1)
    path, (first, second) = made.experiment.id, [cell.id for cell in made.cells]
    with ThreadPoolExecutor(2) as pool:
        bought = pool.map(
            lambda who: change.change_cells(
                sidecar.deps, who, path, takes={first: 2}, raise_cap_usd=1.4
            ),
            (ANA, LOCAL_VIEWER),
        )  # fmt: skip
        assert len(list(bought)) == 2
    shown = told(sidecar.get(f"{URL}/{path}"))
    assert (shown["takes"]["planned"], shown["cap_usd"]) == (2 + 2 * 2, pytest.approx(7.8))
    refused = call(sidecar, "POST", f"{path}/cells", drop=[second], takes={second: 1}, raise_cap_usd=1)
    assert at_fault(refused) == {f"takes.{second}": "is no cell of it, or was dropped"}
    assert call(sidecar, "POST", f"{path}/cells", drop=[first, second], raise_cap_usd=1).status_code == 409
    assert at_fault(call(sidecar, "POST", f"{path}/cells", takes={first: 1}, raise_cap_usd=-1))
    shown = told(sidecar.get(f"{URL}/{path}"))
    assert (shown["takes"]["planned"], shown["cap_usd"]) == (6, pytest.approx(7.8)), "all of it, or nothing"
    both = {"cap_usd": 9, "raise_cap_usd": 1}
    assert set(at_fault(call(sidecar, "PATCH", path, **both))) == {"raise_cap_usd"}
    more = {"axes": {"prompt": ["A third"]}, "raise_cap_usd": 0.7}
    for _ in range(2):  # the second one adds nothing, and so raises nothing
        shown = told(call(sidecar, "PATCH", path, **more))
    assert (shown["takes"]["planned"], shown["cap_usd"]) == (7, pytest.approx(8.5))
    shown = told(call(sidecar, "POST", f"{path}/cells", drop=[second], takes={first: 1}, raise_cap_usd=0.7))
    assert (shown["takes"]["planned"], shown["cap_usd"]) == (7, pytest.approx(9.2))


def test_more_takes_of_a_model_that_is_gone_are_refused_by_their_cells_before_the_cap_rises(sidecar):
    made = make_experiment(sidecar.deps, cap_usd=5.0, repeats=1)
    path, (first, second) = made.experiment.id, [cell.id for cell in made.cells]
    retire_model_of(sidecar.deps, first)
    bought = {"takes": {first: 1, second: 1}, "raise_cap_usd": 1.4}
    refused = at_fault(call(sidecar, "POST", f"{path}/cells", **bought))
    assert list(refused) == [f"takes.{first}"]
    assert refused[f"takes.{first}"].startswith("can't be made any more. Its model, fal-ai/retired")
    shown = told(sidecar.get(f"{URL}/{path}"))
    assert (shown["takes"]["planned"], shown["cap_usd"]) == (2, 5), "nothing was added, and no cap raised"
    shown = told(call(sidecar, "POST", f"{path}/cells", takes={second: 1}, raise_cap_usd=0.7))
    assert (shown["takes"]["planned"], shown["cap_usd"]) == (3, pytest.approx(5.7))
