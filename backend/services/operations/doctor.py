"""Is this installation in order? Each check says what is found, and what to do when it isn't good."""

import contextlib
import json
from dataclasses import replace

import requests

from backend.domain.errors import KeysUnavailable, ProviderBusy, SettingsError
from backend.http import OneCall
from backend.services.deps import Deps
from backend.services.operations.heartbeat import check_key
from backend.services.operations.status import ALIVE, Check, readiness
from backend.services.storage.relocatable import PlacedStorage
from backend.store.database.schema.migrate import check, migrate

#: How long to wait for our own public address.
ASK_S = 10.0


def examine(deps: Deps) -> list[Check]:
    """Every check, in the order in which to put things right."""
    checks = [Check("settings", True, "demo mode" if deps.settings.demo else "read")]
    try:
        migrate(deps.store)
        check(deps.store, deps.clock.now)
    except SettingsError as error:
        return [*checks, Check("database", False, str(error))]
    try:
        check_key(deps)
    except SettingsError as error:
        says = str(error).split("SECRET_KEY: ")[-1]
        checks.append(Check("secret key", False, " ".join(says.split())))
    found = [_named(deps, check) for check in readiness(deps) if check.name != "worker"]
    return [*checks, *found, _key(deps), _signing_keys(deps), _public_url(deps)]


def _named(deps: Deps, check: Check) -> Check:
    """Says which database and which storage it is that is good."""
    if check.good and check.name == "database":
        return replace(check, says=f"{deps.store.shown} answers.")
    if check.good and check.name == "storage":
        storage, place = deps.storage, deps.settings.storage
        if isinstance(storage, PlacedStorage):  # it may have been moved since the settings were written
            place = storage.places(fresh=True).current
        return replace(check, says=f"{place} can be written to.")
    return check


def _key(deps: Deps) -> Check:
    name = "provider"
    try:
        good = deps.provider("fal").key_works()
    except ProviderBusy as error:
        hint = (
            "Start the simulator: python -m backend simulator"
            if deps.settings.demo
            else "Check the network and FAL_API_URL."
        )
        return Check(name, False, f"{error} {hint}")
    if deps.settings.demo and good:
        return Check(name, good, "The simulator stands in for fal, and answers.")
    return Check(name, good, "fal takes the key." if good else "fal refuses FAL_KEY: set one that is valid.")


def _signing_keys(deps: Deps) -> Check:
    try:
        keys = deps.fal_keys.current()
    except KeysUnavailable as error:
        return Check("webhook keys", False, f"{error}: FAL_REST_URL must be reachable from here.")
    return Check("webhook keys", True, f"{len(keys)} known.")


def _public_url(deps: Deps) -> Check:
    url = deps.settings.public_url
    if not deps.settings.webhooks_reach_us:
        return Check("public URL", True, f"{url} is private: polling is at work instead of webhooks.")
    try:
        status, sidecar = _asked(f"{url}/healthz")
    except requests.RequestException as error:
        says = f"{url} can't be reached ({type(error).__name__}): start the sidecar, or put PUBLIC_URL right."
        return Check("public URL", False, says)
    says = (
        "The sidecar answers there."
        if sidecar
        else f"{url}/healthz answers {status}, not as the sidecar does: put PUBLIC_URL or the proxy right."
    )
    return Check("public URL", sidecar, says)


def _asked(url: str) -> tuple[int, bool]:
    """The status, and is it our sidecar that answers?"""
    with OneCall(connect_s=ASK_S, read_s=ASK_S, deadline_s=ASK_S) as call:
        response, body = call.send("GET", url)
    with contextlib.suppress(ValueError):
        return response.status_code, response.status_code == 200 and json.loads(body) == ALIVE
    return response.status_code, False
