"""An experiment over HTTP: started, looked at, gone on with, paused, retried, closed."""

from typing import Any

import pytest

from backend.services.access import Role
from tests import databases
from tests.services.client import SidecarClient
from tests.services.experiments.building import MOVES, ticks
from tests.viewers import make_token
from tests.world import MODEL

pytestmark = databases.BOTH

PLAN: dict[str, Any] = {
    "name": "Which red?",
    "base": {"model": MODEL, "prompt": "A {{ colour }} dress, {{ light }}", "params": {"duration": "5"}},
    "axes": {"colour": ["red", "blue"], "light": ["dawn", "noon", "dusk"]},
    "repeats": 2,
    "cap_usd": 20,
    "at_once": 20,
}


def ask(sidecar: SidecarClient, path: str, status: int = 202, who: str = "ana") -> Any:
    answer = sidecar.call(who, "POST", f"/api/experiments{path}", json=PLAN if not path else None)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json()


def test_an_experiment_is_run_from_its_canary_to_its_end(sidecar):
    world, experiment = sidecar, f"/{ask(sidecar, '', 201)['id']}"
    assert ask(sidecar, f"{experiment}/go-on", 409)["error"]["code"] == "not_now"
    assert ask(sidecar, f"{experiment}/start")["state"] == "canary"
    assert ask(sidecar, f"{experiment}/start")["state"] == "canary"
    ticks(world, 3)
    now = sidecar.get(f"/api/experiments{experiment}").get_json()
    assert (now["takes"]["processing"], now["takes"]["planned"]) == (2, 10)
    first, other = (cell["levels"] for cell in now["cells"] if cell["takes"])
    assert first["colour"] != other["colour"]
    assert first["light"] != other["light"]
    assert now["spent_usd"] == pytest.approx(1.4)
    assert ask(sidecar, f"{experiment}/go-on")["state"] == "running"
    ticks(world, 5)
    now = sidecar.get(f"/api/experiments{experiment}").get_json()
    failing, *rest = [take for cell in now["cells"] for take in cell["takes"]]
    for take in rest:
        world.advance(take, *MOVES["stored"])
    world.advance(failing, *MOVES["failed"])
    assert ask(sidecar, f"{experiment}/pause")["why"] == "Paused by ana."
    paused = ask(sidecar, f"{experiment}/retry")
    assert (paused["state"], paused["takes"]["planned"], paused["takes"]["failed"]) == ("paused", 1, 0)
    assert ticks(world) == 0
    assert ask(sidecar, f"{experiment}/resume")["state"] == "running"
    ticks(world, 5)
    closed = ask(sidecar, f"{experiment}/close")
    assert closed["state"] == "closed"
    assert closed["takes"] == {
        "completed": 11, "processing": 1, "failed": 0, "held": 0, "cancelled": 0, "planned": 0
    }  # fmt: skip
    assert ask(sidecar, f"{experiment}/close")["version"] == closed["version"]
    for late in ("start", "go-on", "pause", "resume", "retry"):
        assert "closed" in ask(sidecar, f"{experiment}/{late}", 409)["error"]["message"]


def test_a_token_for_experiments_alone_runs_one(sidecar):
    more = {"scopes": ["experiments:write"], "expires_at": "2027-01-01T00:00:00Z"}
    sidecar.tokens["lab"] = make_token(sidecar.deps, "lab", Role.CREATOR, **more)
    experiment = ask(sidecar, "", 201, who="lab")["id"]
    assert ask(sidecar, f"/{experiment}/start", who="lab")["state"] == "canary"
    assert ticks(sidecar) == 2
