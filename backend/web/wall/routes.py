"""Every route of the wall, below `/wall`."""

from collections.abc import Callable

from starlette.routing import Route

from backend.services.deps import Deps
from backend.web.wall import export, judge, many, takes
from backend.web.wall.calls import Calls


def routes(deps: Callable[[], Deps], *, base_path: str = "") -> list[Route]:
    """deps: called at the first call, not before. base_path: of all pages."""
    calls = Calls(deps, f"/{base_path.strip('/')}".rstrip("/"))
    return [*takes.routes(calls), *many.routes(calls), *export.routes(calls), *judge.routes(calls)]
