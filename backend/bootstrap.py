"""Puts everything together; the only module that knows everyone."""

from backend.domain.clock import Clock
from backend.media.download import Limits
from backend.media.guard import Guard
from backend.media.storage import LocalStorage
from backend.providers.blackbox import BlackboxProvider
from backend.providers.blackbox import models as blackbox_models
from backend.providers.catalog import VideoModel
from backend.providers.fal import FalProvider
from backend.providers.fal_keys import FalKeys
from backend.services.deps import Deps
from backend.services.offers import LiveCatalog
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
    blackbox = BlackboxProvider(
        key=settings.blackbox_api_key.get_secret_value(),
        url=settings.blackbox_url,
        timeout_s=settings.blackbox_timeout_s,
    )
    store = Store(settings.database)
    return Deps(
        settings=settings,
        clock=clock,
        store=store,
        storage=LocalStorage(settings.media_root),
        guard=Guard(settings.fetch_allow),
        limits=Limits(),
        catalog=LiveCatalog(store, clock, _blocking_models(settings)),
        providers={provider.name: provider for provider in (fal, blackbox)},
        fal_keys=FalKeys(
            f"{settings.fal_rest_url}/.well-known/jwks.json", settings.data_dir / "fal_keys.json", clock
        ),
    )


def _blocking_models(settings: Settings) -> list[VideoModel]:
    keyless = not settings.blackbox_api_key.get_secret_value()
    return blackbox_models(
        settings.blackbox_models, reason="BLACKBOX_API_KEY is not set" if keyless else None
    )


def open_deps(settings: Settings | None = None) -> Deps:
    """As `build_deps`, with settings from the environment and the database at its newest schema.

    Raises:
        SettingsError: names what stops the start.
    """
    deps = build_deps(settings or load())
    migrate(deps.store)
    return deps
