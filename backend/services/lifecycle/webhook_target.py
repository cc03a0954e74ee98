"""To whom a delivery is addressed: a job, by the token in its URL; us, by our account at the provider.

A signature alone proves neither: a provider signs alike for all its customers, and not the URL.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from weakref import WeakKeyDictionary

from sqlmodel import Session

from backend.domain.errors import DeliveryRefused
from backend.providers.base import Provider, VerifiedDelivery
from backend.services.deps import Deps
from backend.store.database.engine import Store
from backend.store.records import key_values

#: The accounts that are believed, by provider, as this process has read them: they never change, and
#: every delivery asks.
_ACCOUNTS: WeakKeyDictionary[Store, dict[str, str]] = WeakKeyDictionary()


def make_webhook_url(deps: Deps, provider: Provider, job_id: str) -> str | None:
    """Where the provider is to deliver this job's result; None when it could not reach us anyway."""
    if provider.blocking or not deps.settings.webhooks_reach_us:
        return None
    token = job_token(deps.settings.secret_key.get_secret_value(), job_id)
    return f"{deps.settings.public_url}/api/video/webhook/{job_id}/{token}"


def job_token(secret: str, job_id: str) -> str:
    """The token in a job's webhook URL: a capability for this one job, 256 bits, URL-safe."""
    mac = hmac.new(secret.encode(), f"webhook|v1|{job_id}".encode(), hashlib.sha256)
    return urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def token_matches(secret: str, job_id: str, token: str) -> bool:
    """Is this the token of that job? Takes the same time whatever is wrong with it."""
    return hmac.compare_digest(job_token(secret, job_id).encode(), token.encode("utf-8", "replace"))


def account_key(provider: str) -> str:
    """The fact that holds the only account at this provider whose deliveries are believed."""
    return f"{provider}_user_id"


def known_account(deps: Deps, provider: str) -> str | None:
    """The account whose deliveries are believed; None: no delivery has told yet."""
    memo = _ACCOUNTS.setdefault(deps.store, {})
    known = deps.get_provider(provider).account or memo.get(provider)
    if not known and (fact := key_values.query_value(deps.store, account_key(provider))) is not None:
        known = memo[provider] = str(fact["user_id"])
    return known or None


def check_account(deps: Deps, session: Session, verified: VerifiedDelivery, *, known: str | None) -> None:
    """Only one account's deliveries are ours. known: as `known_account` has it.

    Without a setting the first delivery that a job's token vouches for says which account that is, for good.

    Raises:
        DeliveryRefused: it is for another customer.
    """
    key = account_key(verified.provider)
    if known is None and (fact := key_values.get_value_for_update(session, key)) is not None:
        known = str(fact["user_id"])
    if known is None:
        key_values.set_value(session, key, {"user_id": verified.account}, at=deps.clock.now())
    elif verified.account != known:
        raise DeliveryRefused("it is another account's")
