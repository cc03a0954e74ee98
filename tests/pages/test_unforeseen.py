"""What nobody foresaw is one sentence with an id, and the log has the rest; nobody reads a traceback."""

import json
import re

import pytest
from starlette.requests import Request
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from backend.services.gallery import takes as gallery
from backend.web import dashboard
from pages.ui import unforeseen
from pages.ui.takes import actions
from tests.pages.conftest import words

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


def in_a_page(visit, job, monkeypatch):
    monkeypatch.setattr(gallery, "get_history", broken)
    return visit("library/take.py", take=job.id)


def in_a_part_that_refreshes_itself(visit, job, monkeypatch):
    monkeypatch.setattr(gallery, "queue_position", broken)
    return visit("operate/activity.py")


def in_a_buttons_callback(visit, job, monkeypatch):
    monkeypatch.setattr(actions, "cancel_job", broken)
    return visit("operate/activity.py").button(key=f"cancel-{job.id}").click().run()


def in_the_frame(visit, job, monkeypatch):
    monkeypatch.setattr(gallery, "count_open", broken)
    return visit()


PLACES = [in_a_page, in_a_part_that_refreshes_itself, in_a_buttons_callback, in_the_frame]


def assert_one_sentence(app, caplog):
    (said,) = [str(error.value) for error in app.error if "foresaw" in error.value]
    error_id = SENTENCE.fullmatch(said)[1]
    assert not app.exception
    assert not {"canary", "Traceback", "RuntimeError"} & set(re.findall(r"\w+", words(app)))
    (record,) = [record for record in caplog.records if error_id in record.getMessage()]
    assert str(record.exc_info[1]) == "canary"
    assert "in broken" in caplog.handler.format(record)


@pytest.mark.parametrize("place", PLACES)
def test_an_error_that_nobody_foresaw_is_one_sentence_with_an_id_that_stands_in_the_log(
    place, handled, visit, desk, monkeypatch, caplog
):
    assert_one_sentence(place(visit, desk.take("queued"), monkeypatch), caplog)


def test_control_without_the_handler_there_is_no_sentence(visit, desk, monkeypatch, caplog):
    app = in_a_buttons_callback(visit, desk.take("queued"), monkeypatch)

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
