"""nginx with hosts behind it that end with their test; and whole installations, as the drill has them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.front import Front, Host, login
from tests.e2e.conftest import fal, fals, make_installation

__all__ = ["fal", "fals", "make_installation"]


@pytest.fixture
def host() -> Iterator[Callable[..., Host]]:
    """A function that starts a host that keeps what it is asked."""
    with ExitStack() as ends:
        yield lambda *given: ends.enter_context(closing(Host(*given)))


@pytest.fixture
def nginx(tmp_path: Path, host: Callable[..., Host]) -> Iterator[Callable[..., Front]]:
    """A function that starts nginx with the shipped configuration in front of these, under both names."""
    started = list[Front]()
    with ExitStack() as ends:

        def make(*places: str, **more: Any) -> Front:
            who = host("who", login).place
            places = places or (who,)
            front = Front(
                tmp_path / f"nginx-{len(started)}", dashboards=places, sidecars=places, who=who, **more
            )
            started.append(ends.enter_context(closing(front)))
            return front.start()

        yield make
