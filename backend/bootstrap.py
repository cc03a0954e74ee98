"""Puts everything together; the only module that knows everyone."""

import logging
from collections.abc import Callable
from functools import partial

from backend.domain.clock import Clock
from backend.domain.errors import MediaError, SettingsError, StorageMisconfigured
from backend.domain.place import path_of, split_bucket_url
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import DownloadLimits
from backend.media.storage.base import Storage
from backend.media.storage.local import LocalStorage
from backend.providers.base import Provider
from backend.providers.blackbox import BlackboxProvider
from backend.providers.fal.client import FalProvider
from backend.providers.fal.signing_keys import FalSigningKeys
from backend.services.catalogue.live_catalogue import LiveCatalogue
from backend.services.deps import Carrier, Deps, RowCarrier
from backend.services.operations import readiness
from backend.services.operations.after_restore import settle_if_restored
from backend.services.operations.heartbeat import check_secret_key
from backend.services.storage.relocatable import RelocatableStorage
from backend.settings import Settings, load_settings
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import check_database, migrate_schema
from backend.store.queue.tasks import TaskQueue

log = logging.getLogger(__name__)


def _fal(given: Settings, clock: Clock) -> Provider:
    return FalProvider(
        key=given.fal_key.get_secret_value(),
        queue_url=given.fal_queue_url,
        rest_url=given.fal_rest_url,
        api_url=given.fal_api_url,
        signing_keys=FalSigningKeys(
            f"{given.fal_rest_url}/.well-known/jwks.json",
            given.data_dir / "fal_keys.json",
            clock,
            given.outbound,
        ),
        account=given.fal_user_id,
        admin_key=given.fal_admin_key.get_secret_value(),
        outbound=given.outbound,
    )


def _blackbox(given: Settings, _: Clock) -> Provider:
    return BlackboxProvider(
        key=given.blackbox_api_key.get_secret_value(),
        url=given.blackbox_url,
        timeout_s=given.blackbox_timeout_s,
        max_calls=given.blackbox_calls,
        model_ids=given.blackbox_models,
        outbound=given.outbound,
    )


def make_storage(given: Settings, url: str = "", *, patient: bool = False) -> Storage:
    """A folder or a bucket, by its URL (that of the settings); a bucket's library is only loaded for one.

    patient: for commands, see `S3Storage`.
    """
    url = url or given.resolved_storage_url
    if url.startswith("file://"):
        return LocalStorage(path_of(url))
    from backend.media.storage.s3 import S3Storage
    from backend.media.storage.s3_client import Bucket

    name, prefix = split_bucket_url(url)
    bucket = Bucket(
        name,
        prefix,
        endpoint=given.aws_endpoint_url,
        region=given.aws_region,
        access_key=given.aws_access_key_id,
        secret_key=given.aws_secret_access_key.get_secret_value(),
        session_token=given.aws_session_token.get_secret_value(),
        public_endpoint=given.storage_public_url,
        outbound=given.outbound,
    )
    return S3Storage(bucket, patient=patient)


#: Whom takes can be sent to. A further provider is one file and one more name here; see docs/providers.md.
PROVIDER_FACTORIES: tuple[Callable[[Settings, Clock], Provider], ...] = (_fal, _blackbox)


def build_deps(settings: Settings, *, clock: Clock | None = None) -> Deps:
    """Everything a process needs, from its settings. Nothing is opened, started or sent yet."""
    clock, store = clock or Clock(), Store(settings.resolved_database_url)
    providers = [make(settings, clock) for make in PROVIDER_FACTORIES]
    open_storage, url = partial(make_storage, settings), settings.resolved_storage_url
    unlisted = [model for provider in providers for model in provider.unlisted_models()]
    return Deps(
        settings=settings,
        clock=clock,
        store=store,
        storage=RelocatableStorage(store, clock, url, open_storage, settings.parts_dir),
        guard=AddressGuard(settings.fetch_allow, settings.outbound),
        limits=DownloadLimits(),
        catalogue=LiveCatalogue(store, clock, unlisted),
        providers={provider.name: provider for provider in providers},
        open_storage=partial(open_storage, patient=True),
        carrier=_carrier(store, clock, providers),
    )


def _carrier(store: Store, clock: Clock, providers: list[Provider]) -> Carrier:
    if store.embedded:
        return RowCarrier()
    return TaskQueue(clock, blocking=[one.name for one in providers if one.blocking])


def open_deps(settings: Settings | None = None) -> Deps:
    """As `build_deps`, with settings from the environment and the database at its newest schema.

    A restored copy is settled before anything is done with it. Raises SettingsError: what stops the start.
    """
    deps = build_deps(settings or load_settings())
    migrate_schema(deps.store)
    check_database(deps.store, deps.clock.now)
    check_secret_key(deps)
    settle_if_restored(deps)
    _try_everything(deps)
    return deps


def _try_everything(deps: Deps) -> None:
    """A bucket that refuses our key stops the start (SettingsError); other trouble is said, and may pass."""
    try:
        if (
            deps.storage.link_origins()
        ):  # signed with the bucket's keys: what is wrong with them is said already
            deps.storage.check_writable()
    except StorageMisconfigured as error:
        raise SettingsError(f"These settings stop the start:\n  STORAGE_URL: {error.in_full}") from error
    except MediaError:
        pass  # told below
    for check in readiness.check_readiness(deps):
        if not check.good and check.name != "worker":
            log.error("not in order", extra={"what": check.name, "why": check.says})
