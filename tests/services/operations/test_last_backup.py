"""How old the last backup is, is told by a figure that nobody has to remember to look for."""

import math

import pytest

from backend.domain.errors import StoreUnavailable
from backend.services.operations.backup import back_up
from backend.services.operations.watch import backups

HOUR = 3600


def age(sidecar) -> float:
    lines = sidecar.get("/metrics", who=None).text.splitlines()
    (line,) = [each for each in lines if each.startswith("dailies_backup_age_seconds ")]
    return float(line.split()[-1])


def told(sidecar) -> tuple[float, str]:
    return age(sidecar), backups.judge_backup(backups.backup_age_s(sidecar.deps))


@pytest.mark.databases("sqlite")  # a server has its own tools
def test_a_backup_is_amber_until_one_is_made_whole_and_again_when_it_is_old(sidecar, tmp_path):
    lines: list[str] = []
    assert told(sidecar) == (math.inf, "amber")

    assert not back_up(sidecar.deps, tmp_path / "b", on_progress=lines.append).problems
    sidecar.clock.pass_s(60)
    assert told(sidecar) == (60, "green")

    video = sidecar.stored(sidecar.started())  # a file goes missing
    sidecar.deps.storage.remove(video.key)
    sidecar.clock.pass_s(24 * HOUR)
    assert len(back_up(sidecar.deps, tmp_path / "b", on_progress=lines.append).problems) == 1
    assert told(sidecar) == (24 * HOUR + 60, "green"), "what lacks a file is no newer backup"
    assert backups.last_backup(sidecar.deps).problems == 1

    sidecar.clock.pass_s(2 * HOUR)
    assert told(sidecar) == (26 * HOUR + 60, "amber")


@pytest.mark.databases("sqlite")
def test_a_backup_that_cannot_be_noted_is_a_backup_all_the_same(sidecar, tmp_path, monkeypatch):
    def full(*_, **__):
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr("backend.services.operations.backup.record_backup", full)
    lines: list[str] = []
    back_up(sidecar.deps, tmp_path / "b", on_progress=lines.append)
    assert (tmp_path / "b" / "dailies.db").is_file()
    assert "can't be told so: the disk is full" in lines[-1]


@pytest.mark.databases("both")
def test_what_other_tools_made_counts_once_it_is_said(sidecar):
    backups.record_backup(sidecar.deps, began_at=sidecar.clock.now(), place="made by other tools")
    assert told(sidecar) == (0, "green")
