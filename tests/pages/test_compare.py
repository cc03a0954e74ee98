"""The page that compares takes: what its address names, in that order, and what it says of the rest."""

import pytest

from tests.pages.conftest import shown, words

COMPARE = "library/compare.py"


@pytest.mark.parametrize(
    ("named", "drawn", "said"),
    [
        ("{0},{1}", [0, 1], ""),
        ("{2},{0},{2}", [2, 0], ""),
        (" {0} , ,{1},", [0, 1], ""),
        ("{0},{1},nobody's", [0, 1], "Not there, or not yours to see: nobody's"),
        ("{0}", [], "Two takes at least are needed"),
        ("", [], "Two takes at least are needed"),
        ("{0},<b>x</b>", [], r"Not there, or not yours to see: \<b\>x"),
        ("{0},{1},{2},{3},{4},{5},{6}", [0, 1, 2, 3, 4, 5], "names 7 takes; six at most are compared"),
    ],
)
def test_an_address_compares_the_takes_that_it_names_and_says_what_is_wrong_with_it(
    visit, desk, named, drawn, said
):
    jobs = [desk.take("stored", f"One of seven, {number}") for number in range(7)]
    app = visit(COMPARE, takes=named.format(*(job.id for job in jobs)))
    takes = [card["id"] for part in shown(app, "compare") for card in part["takes"]]
    assert takes == [jobs[number].id for number in drawn]
    assert said in words(app)
