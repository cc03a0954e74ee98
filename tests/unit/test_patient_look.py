"""Whoever asks for what may hang waits only so long, and gets what was seen last while that is fresh."""

import threading
from collections.abc import Callable, Iterator

import pytest

from backend.services.patient_look import NoAnswer, PatientLook
from tests.waiting import PATIENCE_S, eventually


class Thing:
    """What is looked at: hangs when told to, and counts the looks."""

    def __init__(self) -> None:
        self.looks, self.hangs = 0, threading.Event()
        self.goes_on = threading.Event()

    def __call__(self) -> int:
        self.looks += 1
        if self.hangs.is_set():
            self.goes_on.wait(PATIENCE_S)
        return self.looks


@pytest.fixture
def thing() -> Iterator[Thing]:
    made = Thing()
    yield made
    made.goes_on.set()


def test_what_hangs_is_asked_once_and_its_answer_counts_when_it_comes(thing: Thing) -> None:
    look = PatientLook(thing, believed_s=0.0)
    thing.hangs.set()

    for _ in range(3):
        with pytest.raises(NoAnswer):
            look.outcome(within_s=0.01)
    eventually(lambda: thing.looks)
    assert thing.looks == 1

    thing.hangs.clear()
    thing.goes_on.set()
    assert look.outcome(within_s=PATIENCE_S) >= 1
    assert eventually(lambda: look.outcome(within_s=PATIENCE_S) >= 2), "and it is looked at again"


@pytest.mark.parametrize(("silent_s", "believed"), [(PATIENCE_S, True), (0.0, False)])
def test_what_was_seen_is_given_out_while_the_next_look_is_slow_but_not_for_ever(
    thing: Thing, silent_s: float, believed: bool
) -> None:
    look = PatientLook(thing, believed_s=0.0, silent_s=silent_s)
    assert look.outcome(within_s=PATIENCE_S) == 1
    thing.hangs.set()

    def ask() -> int | None:
        try:
            return look.outcome(within_s=0.01)
        except NoAnswer:
            return None

    assert ask() == (1 if believed else None)
    eventually(lambda: thing.looks > 1)
    assert thing.looks == 2


def test_what_was_seen_is_believed_for_a_while_and_an_error_is_not(thing: Thing) -> None:
    errors: list[Exception] = [ValueError("away"), ValueError("still away")]

    def away() -> int:
        if errors:
            raise errors.pop(0)
        return thing()

    look = PatientLook(away, believed_s=PATIENCE_S)
    for says in ("away", "still away"):
        with pytest.raises(ValueError, match=f"^{says}$"):
            look.outcome(within_s=PATIENCE_S)
    asked: Callable[[], int] = lambda: look.outcome(within_s=PATIENCE_S)  # noqa: E731  said three times
    assert [asked(), asked(), asked()] == [1, 1, 1]
