"""`python -m backend experiment finding`: files in, the finding out, and what is wrong with a file named."""

import json

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.domain.errors import SettingsError
from backend.science import fit
from tests.unit.science.worlds import one_better

WORLD = one_better(2, 4, win_rate=0.8, seed=3)
VOTES = WORLD.votes(40)


def lines(*values: object) -> str:
    return "".join(f"{json.dumps(value)}\n" for value in values)


def asked(folder, votes: str, takes: str, *more: str):
    """The command's answer to these files."""
    for name, text in (("votes", votes), ("takes", takes)):
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    given = ["--votes", str(folder / "votes.jsonl"), "--takes", str(folder / "takes.jsonl"), *more]
    return CliRunner().invoke(app, ["experiment", "finding", *given])


def vote_lines(votes=VOTES):
    return lines(*(dict(zip(("left", "right", "choice", "rater"), vote, strict=True)) for vote in votes))


def take_lines():
    return lines(
        *(
            {"take": take, "cell": cell, "levels": {"speed": {"c0": "slow", "c1": "fast"}[cell]}}
            for take, cell in WORLD.takes.items()
        )
    )


def test_the_command_prints_what_the_library_finds_without_a_database(tmp_path, monkeypatch):
    monkeypatch.setattr("backend.bootstrap.open_deps", lambda: pytest.fail("a database was asked for"))
    answer = asked(tmp_path, "\ufeff" + vote_lines(), take_lines(), "--planned", "40", "--json")
    levels = {"c0": {"speed": "slow"}, "c1": {"speed": "fast"}}
    assert json.loads(answer.stdout) == fit(VOTES, WORLD.takes, levels=levels, planned=40).as_json()
    told = asked(tmp_path, vote_lines(), take_lines()).stdout
    assert "c0 is better than c1. (40 votes)" in told or "c0 is as good as any" in told or "c0 leads" in told
    assert "4 takes, 40 votes" in told
    two = lines(VOTE, {**VOTE, "rater": "ben"})
    told = asked(tmp_path, two, lines({"take": "a", "cell": "A"}, {"take": "b", "cell": "B"})).stdout
    assert "(2 votes)" in told
    assert "; 1 take, 2 votes" in told
    assert "Next: 1 take of A. Most of what is not known" in told


def test_levels_may_be_numbers(tmp_path):
    takes = lines({**A, "levels": {"seconds": 5.0}}, {"take": "b", "cell": "B", "levels": {"seconds": 8}})
    effects = json.loads(asked(tmp_path, lines(VOTE), takes, "--json").stdout)["effects"]
    assert [(one["axis"], one["level"]) for one in effects] == [("seconds", "5"), ("seconds", "8")]


def test_lines_that_came_twice_count_and_are_told(tmp_path):
    answer = asked(tmp_path, vote_lines(VOTES[:3] + VOTES[:3]), take_lines(), "--json")
    assert "3 votes are the same as one before them" in answer.stderr
    assert json.loads(answer.stdout)["votes"] == 6
    apart = lines({**VOTE, "vote": "1"}, {**VOTE, "vote": "2"})  # the same person, asked again
    assert "same" not in asked(tmp_path, apart, lines(A, {"take": "b", "cell": "B"})).stderr


def test_cells_of_exported_files_are_called_as_there(tmp_path):
    takes = lines({**A, "cell_label": "Silk"}, {"take": "b", "cell": "B", "cell_label": "Wool"})
    told = asked(tmp_path, lines(VOTE, {**VOTE, "rater": "ben"}), takes).stdout
    assert "Silk: wins" in told
    assert "Wool: wins" in told
    assert "Next: 1 take of Silk" in told


A = {"take": "a", "cell": "A"}
VOTE = {"left": "a", "right": "b", "choice": "left", "rater": "r"}


@pytest.mark.parametrize(
    ("votes", "takes", "says"),
    [
        (lines(VOTE), lines(A), "votes.jsonl: vote 1 names the take 'b', which has no cell"),
        (lines({**VOTE, "choice": "best"}), lines(A, {"take": "b", "cell": "B"}), "says 'best'"),
        (lines({**VOTE, "rater": None}), lines(A), "votes.jsonl, line 1: rater is missing, or no text"),
        ("\n" + lines(VOTE)[:-5], lines(A), "votes.jsonl, line 2 is no JSON"),
        (lines([1]), lines(A), "votes.jsonl, line 1 must be an object of left, right, choice, rater"),
        (lines(VOTE), lines(A, {**A, "cell": "B"}), "takes.jsonl, line 2: the take 'a' was in the cell 'A'"),
        (
            lines(VOTE),
            lines({**A, "levels": {"x": "1"}}, {"take": "b", "cell": "A", "levels": {"x": "2"}}),
            "line 2: the cell 'A' had other levels before",
        ),
        (lines(VOTE), lines({**A, "levels": ["x"]}), "levels must be an object of values"),
        (lines(VOTE), lines({**A, "levels": {"x": [1]}}), "levels must be an object of values"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line(tmp_path, votes, takes, says):
    answer = asked(tmp_path, votes, takes)
    assert isinstance(answer.exception, SettingsError)
    assert says in str(answer.exception)
    assert answer.stdout == ""
    told = asked(tmp_path, votes, takes, "--json")
    (fault,) = json.loads(told.stdout)["error"]["fields"]
    assert (told.exit_code, fault["message"]) == (1, str(answer.exception))
    assert f"{fault['field']}.jsonl" in fault["message"]


def test_no_votes_are_too_early_and_the_same_take_twice_is_one(tmp_path):
    found = json.loads(asked(tmp_path, "", lines(A, A, {"take": "b", "cell": "B"}), "--json").stdout)
    assert (found["votes"], found["verdict"]["code"]) == (0, "too_early")
    assert [cell["takes"] for cell in found["cells"]] == [1, 1]
