"""Plans of experiments: read with every fault named, priced without a trace, kept as drafts."""

import json
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event, text

from backend.services.experiments import quote
from pages.ui.experiments import words
from tests import databases
from tests.services.client import at_fault
from tests.services.experiments.building import PROMPTS, SEEDED, make_plan, plan_body
from tests.world import ANA, MODEL, UNPRICED, run_sql

URL = "/api/experiments"
DRY = f"{URL}?dry_run=1"
GARMENT = {"model": MODEL, "prompt": "A {{ garment }} in the wind"}
#: 24 takes: 3 × 2 × 2 combinations, twice.
THREE_AXES = {"prompt": ["A red dress", "A blue dress", "A coat"], "params.duration": ["5", "10"],
              "params.aspect_ratio": ["9:16", "16:9"]}  # fmt: skip


def post(sidecar, path=DRY, who="ana", key=None, **more: Any):
    headers = {"Idempotency-Key": key} if key else {}
    return sidecar.call(who, "POST", path, data=json.dumps(plan_body(**more)).encode(), headers=headers)


def told(answer, status=200) -> Any:
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json()


def rows_of(sidecar) -> dict[str, int]:
    """How many rows each table of experiments has, and the audit."""
    tables = ("experiment", "experiment_axis", "cell", "trial", "criterion", "job", "audit")
    with sidecar.deps.store.read() as session:
        count = session.connection().execute
        return {one: count(text(f"SELECT count(*) FROM {one}")).scalar_one() for one in tables}  # noqa: S608


#: One duration that the model takes, and one that it refuses.
ODD = ["5", "99"]
#: what -> (the plan, (cells, takes, dollars; None: as it comes, takes without a price))
PRICED: dict[str, tuple[dict[str, Any], tuple[int, int, float | None, int]]] = {
    "two prompts, two takes each": ({}, (2, 4, 2.8, 0)),
    "three axes, full": ({"axes": THREE_AXES}, (12, 24, 25.2, 0)),
    "a fraction": ({"axes": THREE_AXES, "design": "fraction", "n": 6}, (6, 12, 12.6, 0)),
    "by chance": ({"axes": THREE_AXES, "design": "random", "n": 5}, (5, 10, None, 0)),
    "rows; one says nothing of the duration": (
        {"axes": None, "rows": [{"prompt": "a", "params.duration": "10"}, {"prompt": "b"}]},
        (2, 4, 4.2, 0),
    ),
    "alternatives in the prompt": (
        {"base": {"model": MODEL, "prompt": "A {red|blue|green} dress"}, "axes": None},
        (3, 6, 4.2, 0),
    ),
    "a variable of the prompt": (
        {"base": GARMENT, "axes": {"garment": ["dress", "coat"]}, "repeats": 1},
        (2, 2, 1.4, 0),
    ),
    "no price is known": (
        {"base": UNPRICED, "axes": {"prompt": PROMPTS, "style.camera": [None, "Dolly in"]}, "repeats": 1},
        (4, 4, 0, 4),
    ),
    "what a model refuses is counted, without a price": (
        {"axes": {"prompt": PROMPTS, "params.duration": ODD}, "repeats": 1},
        (4, 4, 1.4, 2),
    ),
    "and left out on request": (
        {"axes": {"prompt": PROMPTS, "params.duration": ODD}, "repeats": 1, "drop_refused": True},
        (2, 2, 1.4, 0),
    ),
}


def test_a_plan_is_counted_and_priced_by_its_takes(sidecar):
    for what, (more, (cells, takes, usd, unknown)) in PRICED.items():
        figures = told(post(sidecar, **more))
        found = figures["cells"], figures["takes"], figures["reused"], figures["estimate"]["unknown"]
        assert found == (cells, takes, 0, unknown), what
        assert usd is None or figures["estimate"]["usd"] == pytest.approx(usd), what


#: What a plan says of prompts -> what its combinations are called
CALLED: list[tuple[dict[str, Any], list[str]]] = [
    ({"base": {"model": MODEL, "prompt": "A {red|blue} {dress|}"}},
     ["red, dress", "red, none", "blue, dress", "blue, none"]),
    ({"axes": {"prompt": ["A {red|blue} dress"]}}, ["red", "blue"]),
    ({"axes": {"prompt": [{"label": "dress", "value": "A {red|blue} dress"}, "A coat"]}},
     ["dress · red", "dress · blue", "A coat"]),
    ({"axes": {"prompt": ["A {red|blue} dress", "A coat"]}}, ["A red dress", "A blue dress", "A coat"]),
    ({"rows": [{"params.duration": "5"}], "base": {"model": MODEL, "prompt": "A {red|blue} dress"}},
     ["red", "blue"]),
    ({"axes": {"prompt": ["{a|a b} {b c|c} d"]}}, ["a, b c", "a, c", "a b, b c"]),
]  # fmt: skip


def test_prompts_of_alternatives_are_called_by_what_was_chosen_where_that_is_all_that_differs():
    for more, called in CALLED:
        axes = make_plan(**{"axes": None, **more}).axes
        assert [level.label for axis in axes if axis.name == "prompt" for level in axis.levels] == called


TWO, TWO_PROMPTS = ["5", "10"], {"prompt": PROMPTS}
#: what -> (the fields that are named, what the plan says)
FAULTS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "unknown fields": ({"axis", "stop.share"}, {"axis": {}, "stop": {"share": 1}}),
    "an unknown axis": ({"axes.promt"}, {"axes": {"promt": PROMPTS}}),
    "style": ({"axes.style.colour"}, {"axes": {"style.colour": PROMPTS, **TWO_PROMPTS}}),
    "one value": ({"axes.prompt"}, {"axes": {"prompt": ["one"], "params.duration": TWO}}),
    "the same value twice": ({"axes.prompt"}, {"axes": {"prompt": ["a", "a"]}}),
    "the same value of a variable twice": (
        {"axes.garment"}, {"base": GARMENT, "axes": {"garment": ["a", "a "]}},
    ),
    "no list of a variable": ({"axes.garment"}, {"base": GARMENT, "axes": {"garment": "a"}}),
    "one of two variables twice": (
        {"axes.move"}, {"axes": {"prompt": ["A {{ move }}", "{{ move }} on"], "move": ["a", "a", "b"]}},
    ),
    "nothing varied": ({"axes"}, {"axes": {}}),
    "rows twice": ({"rows"}, {"axes": None, "rows": [{"prompt": "a"}, {"prompt": "a"}]}),
    "axes and rows": ({"axes"}, {"rows": [{"prompt": "a"}, {"prompt": "b"}]}),
    "an unknown model": ({"base.model"}, {"base": {"model": "no/such"}}),
    "a parameter": ({"base.params.x"}, {"base": {"model": MODEL, "params": {"x": 1}}}),
    "a variable": ({"base.prompt"}, {"base": GARMENT, "axes": {"params.duration": TWO}}),
    "a cap below the canary": ({"cap_usd"}, {"cap_usd": 0.5}),
    "no numbers": ({"cap_usd", "repeats"}, {"cap_usd": -1, "repeats": "3"}),
    "a baseline that is no cell": ({"baseline.prompt"}, {"baseline": "A green dress"}),
    "half a character in a model": ({"base"}, {"base": {"model": "a\ud800"}}),
    "half a character": ({"rows"}, {"axes": None, "rows": [{"params.x": "\ud800"}, {}]}),
    "a fraction of unknown size": ({"n"}, {"design": "fraction"}),
    "one seed, and none given": ({"seed"}, {"seeds": "fixed"}),
    "too many": ({"axes"}, {"axes": {f"params.{x}": list(range(80)) for x in "xy"}}),
}  # fmt: skip


def test_every_fault_of_a_plan_is_named_and_nothing_is_written(sidecar):
    before = rows_of(sidecar)
    for path in (DRY, URL):
        named = {what: set(at_fault(post(sidecar, path, **more))) for what, (_, more) in FAULTS.items()}
        assert named == {what: fields for what, (fields, _) in FAULTS.items()}
    assert rows_of(sidecar) == before
    for design in ("fractoin", "rows"):
        said = at_fault(post(sidecar, design=design))["design"]
        assert said.startswith("must be one of full, fraction, random")
        assert ", rows" not in said, "that is no word to ask for"


def test_combinations_that_a_model_refuses_are_named_and_kept_by_no_draft(sidecar):
    more = {"axes": {"prompt": PROMPTS, "params.duration": ["5", "99"]}}
    refused = told(post(sidecar, **more))["faults"]
    assert [one["levels"] for one in refused] == [
        {"prompt": prompt, "params.duration": "99"} for prompt in PROMPTS
    ]
    assert all("99" in one["fields"]["params.duration"] for one in refused)
    figures = quote.dry_run(sidecar.deps, ANA, make_plan(**more))
    assert (figures.unknown, figures.refused, figures.unpriced) == (4, 4, 0)
    assert words.price(figures, is_demo=False) == "$2.80 for 4 takes + 4 takes that the model refuses."
    assert '"99"' in at_fault(post(sidecar, URL, **more))["axes"]
    assert told(post(sidecar, URL, drop_refused=True, **more), 201)["cells"] == 2


@databases.BOTH
def test_a_dry_run_writes_nothing_and_a_draft_makes_no_take(sidecar):
    sidecar.started()  # the first words of an installation are written
    before = rows_of(sidecar)
    figures = told(post(sidecar, axes=THREE_AXES))
    assert rows_of(sidecar) == before
    made = told(post(sidecar, URL, axes=THREE_AXES, baseline={
        "prompt": "A coat", "params.duration": "5", "params.aspect_ratio": "9:16"}), 201)  # fmt: skip
    assert made == {"id": made["id"], "state": "draft", **figures}
    new = {"experiment": 1, "experiment_axis": 3, "cell": 12, "trial": 24, "criterion": 1, "audit": 1}
    assert rows_of(sidecar) == {one: number + new.get(one, 0) for one, number in before.items()}
    shown = told(sidecar.get(f"{URL}/{made['id']}"))
    assert shown["takes"] == dict.fromkeys(shown["takes"], 0) | {"planned": 24}
    assert (shown["votes"], shown["spent_usd"], shown["verdict"]["code"]) == (0, 0, "too_early")
    assert len({tuple(cell["levels"].items()) for cell in shown["cells"]}) == 12
    (baseline,) = (cell["levels"] for cell in shown["cells"] if cell["id"] == shown["baseline"])
    assert baseline["prompt"] == "A coat"


@pytest.mark.parametrize("design", ["fraction", "random"])
def test_a_part_of_all_combinations_holds_the_baseline_and_is_the_same_every_time(sidecar, design):
    def cells(**more):
        made = told(post(sidecar, URL, axes=THREE_AXES, design=design, n=6, **more), 201)
        shown = told(sidecar.get(f"{URL}/{made['id']}"))
        return [tuple(cell["levels"].values()) for cell in shown["cells"]], shown["baseline"]

    first, _ = cells()
    names, values = list(THREE_AXES), [list(of) for of in THREE_AXES.values()]
    missing = next(one for one in product(*values) if one not in first)
    again, baseline = cells(baseline=dict(zip(names, missing, strict=True)))
    assert missing in again
    assert baseline
    assert len({*first, *again}) == 7
    assert cells() == (first, None)


def test_takes_of_one_number_have_one_seed_where_the_model_takes_seeds(sidecar):
    def seeds(**more):
        made = told(post(sidecar, URL, **more), 201)
        with sidecar.deps.store.read() as session:
            asked = text("SELECT number, seed FROM trial WHERE experiment_id = :id")
            found = session.connection().execute(asked, {"id": made["id"]})
            return sorted(map(tuple, found))

    base = {"model": SEEDED}
    assert seeds(base=base) == [(1, 1), (1, 1), (2, 2), (2, 2)]
    assert seeds(base=base, seeds="fixed", seed=7) == [(1, 7), (1, 7), (2, 7), (2, 7)]
    assert {seed for _, seed in seeds(base=base, seeds="free")} == {None}
    assert {seed for _, seed in seeds(base={**base, "params": {"seed": 5}})} == {None}, "as the plan says"
    assert {seed for _, seed in seeds()} == {None}, "its model takes none"


@databases.BOTH
def test_the_same_key_and_plan_again_is_the_same_experiment(sidecar):
    first = told(post(sidecar, URL, key="k-1"), 201)
    assert told(post(sidecar, URL, key="k-1"), 201) == first
    assert post(sidecar, URL, key="k-1", repeats=3).status_code == 409
    assert told(post(sidecar, URL, key="k-2"), 201)["id"] != first["id"]
    assert told(post(sidecar, URL, key="k-1", who="ben"), 201)["id"] != first["id"]


def test_an_experiment_is_seen_by_who_may_see_its_takes(sidecar):
    ours = told(post(sidecar, URL), 201)["id"]
    told(post(sidecar, URL, who="ben"), 201)
    assert post(sidecar, who="eve").status_code == 403
    assert sidecar.get(f"{URL}/{ours}", who="ben").status_code == 404
    assert told(sidecar.get(f"{URL}/{ours}", who="eve"))["id"] == ours
    assert [one["id"] for one in told(sidecar.get(URL))["items"]] == [ours]
    page = told(sidecar.get(f"{URL}?limit=1", who="root"))
    rest = told(sidecar.get(f"{URL}?limit=1&cursor={page['next_cursor']}", who="root"))
    run_sql(sidecar.deps, "UPDATE trial SET state = 'dropped' WHERE id IN (SELECT min(id) FROM trial)")
    light, whole = (told(sidecar.get(f"{URL}?cells={flag}", who="root"))["items"] for flag in "01")
    assert light == [{**one, "cells": None} for one in whole]
    assert sum(one["takes"]["planned"] for one in light) == 7
    assert [one["id"] for one in rest["items"]] == [ours]
    assert rest["next_cursor"] is None


def test_what_is_asked_of_the_database_does_not_grow_with_a_plan(sidecar):
    """Some questions more are asked where a second has passed since. See `benchmarks.planning`."""
    engine, asked = sidecar.deps.store.engine, []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    def statements(path, **more):
        asked.clear()
        told(post(sidecar, path, base={"model": SEEDED}, reuse=True, **more), 200 if path == DRY else 201)
        return len(asked)

    many = {"axes": {"prompt": [f"A dress, {number}" for number in range(150)]}}
    assert max(statements(path, **many) for path in (DRY, URL)) < 15
