"""Is this installation in order? Each check says what is found, and what to do when it isn't good."""

import contextlib
from dataclasses import replace

import requests

from backend.domain.errors import KeysUnavailable, ProviderBusy, SettingsError
from backend.domain.shape import load_json
from backend.http.calls import HttpCall
from backend.providers.base import Provider
from backend.services.deps import Deps
from backend.services.operations.checks.logins import check_logins
from backend.services.operations.heartbeat import check_secret_key
from backend.services.operations.readiness import HealthCheck, check_readiness
from backend.services.operations.status import HEALTHZ_BODY
from backend.services.storage.relocatable import RelocatableStorage
from backend.store.database.schema.migrate import check_database, migrate_schema

#: How long to wait for our own public address.
PUBLIC_URL_TIMEOUT_S = 10.0
#: How long to wait for what doesn't answer: each question has its own end before that.
PATIENCE_S = 90.0


def run_checks(deps: Deps) -> list[HealthCheck]:
    """Every check, in the order in which to put things right."""
    checks = [HealthCheck("settings", True, "demo mode" if deps.settings.is_demo else "read")]
    checks += _ways_out(deps)
    try:
        migrate_schema(deps.store)
        check_database(deps.store, deps.clock.now)
    except SettingsError as error:
        return [*checks, HealthCheck("database", False, str(error))]
    try:
        check_secret_key(deps)
    except SettingsError as error:
        says = str(error).split("SECRET_KEY: ")[-1]
        checks.append(HealthCheck("secret key", False, " ".join(says.split())))
    found = [
        _named(deps, check) for check in check_readiness(deps, within_s=PATIENCE_S) if check.name != "worker"
    ]
    providers = deps.providers.values()
    checks += [
        *found,
        *check_logins(deps),
        *(check for one in providers for check in [*_key(deps, one), *_signing_keys(one)]),
    ]
    return [*checks, _public_url(deps)]


def _ways_out(deps: Deps) -> list[HealthCheck]:
    """Through which proxies calls go, and whom they trust, where that is not the usual."""
    outbound = deps.settings.outbound
    ways = {"http": outbound.http_proxy, "https": outbound.https_proxy}
    says = [f"{scheme} goes through {proxy.redacted_url}." for scheme, proxy in ways.items() if proxy]
    says += [f"{path} is trusted, too." for path in outbound.authorities]
    return [HealthCheck("outbound", True, " ".join(says))] if says else []


def _named(deps: Deps, check: HealthCheck) -> HealthCheck:
    """Says which database and which storage it is that is good."""
    if not check.good:
        return check
    places = {
        "database": deps.store.redacted_url,
        "data folder": str(deps.settings.data_dir.resolve()),
        "storage": deps.settings.resolved_storage_url,
    }
    if check.name == "storage" and isinstance(deps.storage, RelocatableStorage):
        # It may have been moved since the settings were written.
        places["storage"] = deps.storage.current_places(uncached=True).current
    return replace(check, message=check.message.replace("It ", f"{places[check.name]} ", 1))


def _key(deps: Deps, provider: Provider) -> list[HealthCheck]:
    """Is our key taken? Nothing is said of a provider that can't be asked."""
    try:
        works = provider.key_works()
    except ProviderBusy as error:
        hint = (
            "Start the simulator: python -m backend simulator"
            if deps.settings.is_demo
            else "Check the network and the provider's URL in the settings."
        )
        return [HealthCheck("provider", False, str(error), f"{error.remedy} {hint}".strip())]
    if works is None:
        return []
    if deps.settings.is_demo and works:
        return [HealthCheck("provider", True, f"The simulator stands in for {provider.name}, and answers.")]
    refuses = f"{provider.name} refuses {provider.key_setting}: set one that is valid."
    return [HealthCheck("provider", works, f"{provider.name} takes the key." if works else refuses)]


def _signing_keys(provider: Provider) -> list[HealthCheck]:
    """Are the keys at hand that deliveries are verified with?"""
    try:
        known = provider.load_signing_keys()
    except KeysUnavailable as error:
        return [HealthCheck("webhook keys", False, str(error), error.remedy)]
    return [HealthCheck("webhook keys", True, f"{known} known.")] if known else []


def _public_url(deps: Deps) -> HealthCheck:
    url, wait_s = deps.settings.public_url, PUBLIC_URL_TIMEOUT_S
    if not deps.settings.webhooks_reach_us:
        return HealthCheck("public URL", True, f"{url} is private: polling is at work instead of webhooks.")
    call = HttpCall(outbound=deps.settings.outbound, connect_s=wait_s, read_s=wait_s, deadline_s=wait_s)
    try:
        status, sidecar = _asked(call, f"{url}/healthz")
    except requests.RequestException as error:
        remedy = f"{call.find_remedy(error)} Start the sidecar, or put PUBLIC_URL right.".strip()
        says = f"{url} can't be reached ({call.explain_error(error)})."
        return HealthCheck("public URL", False, says, remedy)
    says = (
        "The sidecar answers there."
        if sidecar
        else f"{url}/healthz answers {status}, not as the sidecar does: put PUBLIC_URL or the proxy right."
    )
    return HealthCheck("public URL", sidecar, says)


def _asked(call: HttpCall, url: str) -> tuple[int, bool]:
    """The status, and is it our sidecar that answers?"""
    answer = call.send("GET", url)
    with contextlib.suppress(ValueError):
        return answer.status, answer.status == 200 and load_json(answer.body) == HEALTHZ_BODY
    return answer.status, False
