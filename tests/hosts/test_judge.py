"""The judge of the three hosts, held against a database that was doctored: it must find what is gone."""

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import databases
from tests.e2e.conftest import fal, make_studio
from tests.e2e.studio import Studio, eventually
from tests.hosts.judge import at_rest, verdict
from tests.hosts.load import Asked
from tests.hosts.town import Town

__all__ = ["fal", "make_studio"]


@pytest.fixture(scope="session")
def kind() -> Any:
    """The judge reads rows; whose they are makes no difference."""
    with databases.choose("sqlite") as kind:
        yield kind


@pytest.fixture
def judged(make_studio: Callable[..., Studio]) -> tuple[Town, Studio, Asked]:
    """A take that was acknowledged and came home, in a town of one host."""
    studio = make_studio()
    studio.sidecar()
    studio.worker()
    job = studio.ask("A calm sea", key="the-key-of-a-client")
    studio.until(job, "stored", within_s=60)
    town = SimpleNamespace(hosts={"one": studio}, any_host=studio, fal_url=studio.settings["FAL_QUEUE_URL"])
    eventually(lambda: at_rest(cast(Town, town)), within_s=30)
    return cast(Town, town), studio, Asked("the-key-of-a-client", "A calm sea", 0.0, 1.0, {job})


def found(town: Town, asked: Asked, job: str) -> set[str]:
    """The promises that are broken for this take; the provider may have been asked by other tests, too."""
    sentences = [one for one in verdict(town, [asked]) if job in one or asked.key in one]
    return {sentence.partition(":")[0] for sentence in sentences}


def test_a_take_that_came_home_breaks_no_promise_until_somebody_was_told_otherwise(
    judged: tuple[Town, Studio, Asked],
) -> None:
    town, _, asked = judged
    [job] = asked.ids
    assert found(town, asked, job) == set()

    asked.ids = {"0190-another"}

    assert found(town, asked, job) == {"acknowledged is kept"}


def test_a_row_that_was_acknowledged_and_is_gone_is_found(judged: tuple[Town, Studio, Asked]) -> None:
    town, studio, asked = judged
    [job] = asked.ids
    _without_the_row(studio, asked)

    assert found(town, asked, job) >= {"acknowledged is kept", "paid once"}


def _without_the_row(studio: Studio, asked: Asked) -> None:
    """As a commit that was acknowledged and never reached the disk would leave it."""
    with sqlite3.connect(studio.data / "dailies.db") as file:
        assert file.execute("DELETE FROM job WHERE form_key = ?", (asked.key,)).rowcount == 1
