"""An experiment while it runs, on its pages: what its buttons offer, what that costs, and what is said."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from backend.services.deps import Deps
from tests.pages.conftest import Desk, words
from tests.pages.test_experiments import ONE, come_home, of, running, vote
from tests.services.experiments.building import PROMPTS, retire_model_of

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
