"""Puts everything together; the only module that knows everyone."""

from backend.domain.clock import Clock
from backend.media.download import Limits
from backend.media.guard import Guard
from backend.media.storage import LocalStorage
from backend.providers.catalog import Catalog, load_seed
from backend.providers.fal import FalProvider
from backend.providers.fal_keys import FalKeys
from backend.services.deps import Deps
from backend.settings import Settings, load
from backend.store.engine import Store
from backend.store.migrate import migrate


def build_deps(settings: Settings, *, clock: Clock | None = None) -> Deps:
    """Everything a process needs, from its settings. Nothing is opened, started or sent yet."""
    clock = clock or Clock()
    fal = FalProvider(
        key=settings.fal_key.get_secret_value(),
        queue_url=settings.fal_queue_url,
        rest_url=settings.fal_rest_url,
        api_url=settings.fal_api_url,
    )
    return Deps(
        settings=settings,
        clock=clock,
        store=Store(settings.database),
        storage=LocalStorage(settings.media_root),
        guard=Guard(settings.fetch_allow),
        limits=Limits(),
        catalog=Catalog(load_seed()),
        providers={fal.name: fal},
        fal_keys=FalKeys(
            f"{settings.fal_rest_url}/.well-known/jwks.json", settings.data_dir / "fal_keys.json", clock
        ),
    )


def open_deps(settings: Settings | None = None) -> Deps:
    """As `build_deps`, with settings from the environment and the database at its newest schema.

    Raises:
        SettingsError: names what stops the start.
    """
    deps = build_deps(settings or load())
    migrate(deps.store)
    return deps
