"""Which pairs somebody is shown, and on which side each take stands: values alone."""

import random
from collections import Counter

from backend.services.experiments.judging import pair_choice
from backend.services.experiments.judging.pair_choice import Shown, Situation, choose_pairs
from backend.store.experiments.pairs import Candidate


def judge_all(cells: int, takes: int, asks: int, *, again: bool = False, at_once: int = 3) -> list[Shown]:
    """What one rater is shown who answers everything, so many pairs at a time."""
    all_ = [Candidate(f"{cell}{take}", cell, take) for cell in "abcdefgh"[:cells] for take in range(takes)]
    shown: list[Shown] = []
    while len(shown) < asks:
        given = [(one.left, one.right, "left", "me") for one in shown]
        situation = Situation(all_, given, shown=shown, again=again)
        new = choose_pairs(situation, at_once, random.Random(len(shown)))
        if not new:
            break
        shown += [Shown(*one, voted=True, lapsed=False) for one in new]
    return shown


def unbalanced(shown: list[Shown]) -> list[int]:
    lefts = Counter((one.left[0], one.right[0]) for one in shown)
    return [lefts[a, b] - lefts[b, a] for a, b in lefts if abs(lefts[a, b] - lefts[b, a]) > 2]


def test_each_cell_stands_left_as_often_as_right_against_each_other_one():
    shown = judge_all(3, 4, 45)
    assert len(shown) == 45
    assert unbalanced(shown) == []


def test_a_build_whose_left_side_is_always_the_first_cell_would_be_found(monkeypatch):
    monkeypatch.setattr(
        pair_choice._Chooser, "_sided", lambda self, a, b, why: pair_choice.Chosen(*sorted((a, b)), why)
    )
    assert unbalanced(judge_all(3, 4, 45))


def test_one_pair_in_fifteen_comes_back_mirrored_and_none_twice_otherwise():
    shown = judge_all(3, 4, 45)
    repeats = [at for at, one in enumerate(shown) if one.why == "repeat"]
    assert repeats == [14, 29, 44]
    for at in repeats:
        before = [one for one in shown[: at - pair_choice.REPEAT_AFTER] if one.left == shown[at].right]
        assert shown[at].left in {one.right for one in before}
    fresh = [frozenset((one.left, one.right)) for one in shown if one.why != "repeat"]
    assert len(fresh) == len(set(fresh))
    assert not [one for one in shown if one.left[0] == one.right[0]]


def test_equal_seeds_meet_first():
    first = judge_all(2, 4, 4)[:4]
    assert all(one.left[1] == one.right[1] for one in first)


def test_a_rater_who_has_judged_all_there_is_gets_nothing_unless_they_ask_again():
    assert len({frozenset((one.left, one.right)) for one in judge_all(2, 3, 100)}) == 9
    assert len(judge_all(2, 3, 100)) == 9
    assert len(judge_all(2, 3, 20, again=True)) >= 20
    assert judge_all(1, 5, 10) == []
    assert judge_all(0, 0, 10) == []


def test_a_pair_that_was_skipped_comes_back_last():
    takes = [Candidate("a0", "a", 0), Candidate("b0", "b", 0), Candidate("b1", "b", 1)]
    skipped = [Shown("a0", "b0", "random", voted=False, lapsed=True)]
    chosen = choose_pairs(Situation(takes, [], shown=skipped), 4, random.Random(1))
    assert [frozenset(one[:2]) for one in chosen] == [frozenset(("a0", "b1")), frozenset(("a0", "b0"))]
