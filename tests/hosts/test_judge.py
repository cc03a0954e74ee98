"""The judge of the three hosts, held against a database that was doctored: it must find what is gone."""

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e.conftest import fal, fals, make_installation
from tests.e2e.installation import Installation
from tests.hosts.judge import at_rest, verdict
from tests.hosts.load import Asked
from tests.waiting import eventually

__all__ = ["fal", "fals", "make_installation"]


@pytest.mark.databases("sqlite")  # its file is doctored
def test_the_judge_finds_what_was_told_otherwise_and_what_was_acknowledged_and_is_gone(
    make_installation: Callable[..., Installation],
) -> None:
    installation = make_installation()
    installation.up()
    job = installation.ask("A calm sea", key="the-key-of-a-client")
    installation.until(job, "stored")
    asked = Asked(0.0, 1.0, "the-key-of-a-client", "A calm sea", {job})
    one: Any = SimpleNamespace(
        hosts={"one": installation}, any_host=installation, fal_url=installation.settings["FAL_QUEUE_URL"]
    )
    eventually(lambda: at_rest(one))

    def found() -> set[str]:
        """The promises that are broken for this take; other tests may have asked the provider, too."""
        sentences = [said for said in verdict(one, [asked]) if job in said or asked.key in said]
        return {sentence.partition(":")[0] for sentence in sentences}

    assert found() == set()

    asked.ids = {"0190-another"}
    assert found() == {"acknowledged is kept"}

    asked.ids = {job}
    with sqlite3.connect(
        installation.data / "dailies.db"
    ) as file:  # as if a commit had never reached the disk
        assert file.execute("DELETE FROM job WHERE form_key = ?", (asked.key,)).rowcount == 1
    assert found() >= {"acknowledged is kept", "paid once"}
