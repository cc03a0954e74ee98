"""The page of judging alone: what it asks, and what it says where there is nothing to judge."""

from backend.services.access import Role, Viewer
from backend.services.experiments.judging.criteria import add_criterion
from tests.pages.conftest import shown, words
from tests.services.experiments.judged import make_judged

JUDGE = "library/judge.py"
OLGA = Viewer("olga", Role.CREATOR)


def test_the_link_of_an_experiment_leads_to_its_questions_and_names_nothing_of_it(visit, desk):
    judged = make_judged(desk, cells=2, takes=1, owner=OLGA, question="Which one moves better?")
    app = visit(JUDGE, experiment=judged.id)
    (asked,) = shown(app, "judge")
    assert asked == {"experiment": judged.id, "criterion": judged.id, "me": desk.deps.settings.local_name}
    assert "Silk or wool" not in words(app)
    score = add_criterion(desk.deps, OLGA, judged.id, "How real?", "score")
    app = visit(JUDGE, experiment=judged.id)
    choice = app.button_group(key=f"judge-question-{judged.id}")
    choice.set_value(score.id).run()
    assert shown(app, "judge")[0]["criterion"] == score.id


def test_a_link_that_leads_nowhere_says_so(visit, desk):
    assert "names none" in words(visit(JUDGE))
    assert "the link is wrong" in words(visit(JUDGE, experiment="none"))
