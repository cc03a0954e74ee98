"""What nobody foresaw is one sentence with an id, and the log has the rest; nobody reads a traceback."""

import json
import re

import pytest
from starlette.requests import Request
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from backend.services.gallery import takes as gallery
from backend.web import dashboard
from pages.ui import unforeseen
from pages.ui.takes import actions, cards
from tests.pages.conftest import words

ACTIVITY = "operate/activity.py"
SENTENCE = re.compile(
    r"Something went wrong here that nobody foresaw; the log has it under the id (\w{8})\\\."
)


@pytest.fixture
def handled(monkeypatch):
    """Errors go where `app.py` sends them; by itself the kit's test browser shows them as they are."""
    made = LocalScriptRunner.__init__

    def init(self, *args, **more):
        made(self, *args, **more)
        self._on_script_error = unforeseen.show_error

    monkeypatch.setattr(LocalScriptRunner, "__init__", init)


def broken(*_, **__):
    raise RuntimeError("canary")


def press_cancel(visit, job):
    return visit(ACTIVITY).button(key=f"cancel-{job.id}").click().run()


def assert_one_sentence(app, caplog):
    (said,) = [str(error.value) for error in app.error if "foresaw" in error.value]
    error_id = SENTENCE.fullmatch(said)[1]
    assert not app.exception
    assert not {"canary", "Traceback", "RuntimeError"} & set(re.findall(r"\w+", words(app)))
    (record,) = [record for record in caplog.records if error_id in record.getMessage()]
    assert str(record.exc_info[1]) == "canary"
    assert "in broken" in caplog.handler.format(record)


@pytest.mark.parametrize(
    ("module", "name", "come_upon"),
    [
        (gallery, "get_history", lambda visit, job: visit("library/take.py", take=job.id)),
        (cards, "cards_of", lambda visit, job: visit(ACTIVITY)),
        (gallery, "count_open", lambda visit, job: visit()),
        (actions, "cancel_job", press_cancel),
    ],
    ids=["page", "part that refreshes itself", "frame", "callback of a button"],
)
def test_an_error_that_nobody_foresaw_is_one_sentence_with_an_id_that_stands_in_the_log(
    module, name, come_upon, handled, visit, desk, monkeypatch, caplog
):
    monkeypatch.setattr(module, name, broken)
    assert_one_sentence(come_upon(visit, desk.take("queued")), caplog)


def test_control_without_the_handler_there_is_no_sentence(visit, desk, monkeypatch, caplog):
    monkeypatch.setattr(actions, "cancel_job", broken)
    app = press_cancel(visit, desk.take("queued"))
    with pytest.raises(ValueError, match="not enough values"):
        assert_one_sentence(app, caplog)
    assert "canary" not in str(app.exception), "the kit itself was told to show no details"


def test_a_page_that_ends_early_on_purpose_shows_no_error(handled, visit):
    app = visit("library/take.py", take="none")
    assert "foresaw" not in words(app)
    assert "There is no take with that id" in words(app).replace("\\", "")


def test_a_route_of_the_dashboard_answers_likewise(caplog):
    handle = dashboard.exception_handlers()[Exception]
    answer = handle(Request({"type": "http"}), RuntimeError("canary"))
    (record,) = [record for record in caplog.records if record.exc_info]
    error_id = record.getMessage().split()[-1]
    assert answer.status_code == 500
    assert f"under the id {error_id}" in json.loads(answer.body)["error"]["message"]
    assert b"canary" not in answer.body
