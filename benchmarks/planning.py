"""A plan of 2,000 takes: priced as a person edits it, kept, and told again.

In processor time: it waits for nobody, and other work on the machine is not its affair.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import Result, at_most

ROUNDS = 7
MODEL = "fal-ai/wan/v2.7/text-to-video"
#: The limit of planning and pricing, in seconds: a person waits for it at every change.
LIMIT_S = 1.0
#: One take each of 2,000 combinations, with a variable and words of the style in each prompt: the worst.
CELLS: dict[str, Any] = {
    "name": "2,000 cells",
    "base": {"model": MODEL, "params": {"duration": 5}},
    "axes": {
        "prompt": [f"A {{{{ garment }}}} in the wind, number {number}" for number in range(20)],
        "garment": [f"red dress, version {number}" for number in range(10)],
        "style.camera": [None, "Dolly in", "Static", "Orbit", "my own words"],
        "params.resolution": ["720p", "1080p"],
    },
    "reuse": True,
}
#: 100 takes each of 20 prompts.
REPEATS: dict[str, Any] = {**CELLS, "axes": {"prompt": [f"A dress, {n}" for n in range(20)]}, "repeats": 100}


def run() -> list[Result]:
    from backend.bootstrap import open_deps
    from backend.services.access import Role, Viewer
    from backend.services.experiments import create, plan, quote, view
    from backend.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        deps = open_deps(load_settings(data_dir=Path(folder)))
        ana = Viewer("ana", Role.CREATOR)
        try:
            combinations = _median_s(lambda: quote.dry_run(deps, ana, plan.parse_plan(CELLS)))
            repeats = _median_s(lambda: quote.dry_run(deps, ana, plan.parse_plan(REPEATS)))
            kept = _median_s(lambda: create.create_experiment(deps, ana, plan.parse_plan(CELLS)))
            newest = view.list_experiments(deps, ana, limit=1).items[0].experiment.id
            told = _median_s(lambda: view.experiment_json(view.get_experiment(deps, ana, newest)))
        finally:
            deps.store.close()
    return [
        at_most("plan and price 2,000 combinations", combinations, LIMIT_S, "s"),
        at_most("plan and price 20 × 100 takes", repeats, LIMIT_S, "s"),
        at_most("keep 2,000 combinations as a draft", kept, 2 * LIMIT_S, "s"),
        at_most("tell an experiment of 2,000 cells", told, LIMIT_S / 2, "s"),
    ]


def _median_s(call: Callable[[], object]) -> float:
    call()
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return statistics.median(took)
