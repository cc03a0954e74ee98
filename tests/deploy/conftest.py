"""nginx with hosts behind it that end with their test; and whole installations, as the drill has them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.front import Front, Host, login
from tests.e2e.conftest import fal, make_installation

__all__ = ["fal", "make_installation"]


@pytest.fixture
def host() -> Iterator[Callable[..., Host]]:
    """A function that starts a host that writes down what it is asked."""
    made: list[Host] = []

    def make(*given: Any) -> Host:
        made.append(Host(*given))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def nginx(tmp_path: Path, host: Callable[..., Host]) -> Iterator[Callable[..., Front]]:
    """A function that starts nginx with the shipped configuration in front of these."""
    made: list[Front] = []

    def make(*, dashboards: list[str] | None = None, sidecars: list[str] | None = None, **more: Any) -> Front:
        who = host("who", login).place
        made.append(
            Front(
                tmp_path / f"nginx-{len(made)}",
                dashboards=dashboards or [who],
                sidecars=sidecars or [who],
                who=who,
                **more,
            )
        )
        return made[-1].start()

    yield make
    for one in made:
        one.close()
