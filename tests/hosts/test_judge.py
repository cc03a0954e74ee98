"""The judge of the three hosts, held against a database that was doctored: it must find what is gone."""

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from tests.e2e.conftest import fal, make_installation
from tests.e2e.installation import Installation
from tests.hosts.cluster import Cluster
from tests.hosts.judge import at_rest, verdict
from tests.hosts.load import Asked
from tests.waiting import eventually

__all__ = ["fal", "make_installation"]


@pytest.fixture
def judged(make_installation: Callable[..., Installation]) -> tuple[Cluster, Installation, Asked]:
    """A take that was acknowledged and came home, in a cluster of one host."""
    installation = make_installation()
    installation.sidecar()
    installation.worker()
    job = installation.ask("A calm sea", key="the-key-of-a-client")
    installation.until(job, "stored")
    cluster = SimpleNamespace(
        hosts={"one": installation}, any_host=installation, fal_url=installation.settings["FAL_QUEUE_URL"]
    )
    eventually(lambda: at_rest(cast(Cluster, cluster)))
    return cast(Cluster, cluster), installation, Asked("the-key-of-a-client", "A calm sea", 0.0, 1.0, {job})


def found(cluster: Cluster, asked: Asked, job: str) -> set[str]:
    """The promises that are broken for this take; the provider may have been asked by other tests, too."""
    sentences = [one for one in verdict(cluster, [asked]) if job in one or asked.key in one]
    return {sentence.partition(":")[0] for sentence in sentences}


def test_a_take_that_came_home_breaks_no_promise_until_somebody_was_told_otherwise(
    judged: tuple[Cluster, Installation, Asked],
) -> None:
    cluster, _, asked = judged
    [job] = asked.ids
    assert found(cluster, asked, job) == set()

    asked.ids = {"0190-another"}

    assert found(cluster, asked, job) == {"acknowledged is kept"}


def test_a_row_that_was_acknowledged_and_is_gone_is_found(
    judged: tuple[Cluster, Installation, Asked],
) -> None:
    cluster, installation, asked = judged
    [job] = asked.ids
    _without_the_row(installation, asked)

    assert found(cluster, asked, job) >= {"acknowledged is kept", "paid once"}


def _without_the_row(installation: Installation, asked: Asked) -> None:
    """As a commit that was acknowledged and never reached the disk would leave it."""
    with sqlite3.connect(installation.data / "dailies.db") as file:
        assert file.execute("DELETE FROM job WHERE form_key = ?", (asked.key,)).rowcount == 1
