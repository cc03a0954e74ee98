"""Every error of Dailies; its class says what to do next. What else is raised is a bug."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self


class DailiesError(Exception):
    """The root. Its text is for everybody; remedy: settings and commands, for whoever runs Dailies alone."""

    remedy = ""

    def for_operators(self, remedy: str) -> Self:
        """The same error, with what whoever runs Dailies does about it."""
        self.remedy = remedy
        return self

    @property
    def in_full(self) -> str:
        """All of it, for whoever runs Dailies."""
        return f"{self} {self.remedy}".strip()


class RequestError(DailiesError):
    """Something the caller can put right. `status` is the HTTP status, `code` a stable word."""

    status = 400
    code = "bad_request"


class InvalidRequest(RequestError):
    """What was asked for cannot be made; nothing was sent and nothing was paid.

    fields: field name -> what is wrong with it and what to do, for every field at fault.
    """

    status = 422
    code = "invalid"

    def __init__(self, fields: dict[str, str]) -> None:
        self.fields = fields
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))


class NotAllowed(RequestError):
    """No valid token (401), or one without the right to do this (403).

    scope: the one that a token lacks. invalid_token: one was given, and it opens nothing. deed: a `Do`,
    what somebody who is known was refused; the audit tells of it.
    """

    def __init__(
        self, message: str, *, status: int, scope: str | None = None, invalid_token: bool = False,
        deed: str | None = None,
    ) -> None:  # fmt: skip
        self.status, self.scope, self.invalid_token, self.deed = status, scope, invalid_token, deed
        self.code = "unauthorized" if status == 401 else "insufficient_scope" if scope else "forbidden"
        super().__init__(message)

    @property
    def challenge(self) -> str | None:
        """What `WWW-Authenticate` says. Source: RFC 6750, 3."""
        if self.scope is not None:
            return f'Bearer error="insufficient_scope", scope="{self.scope}"'
        unknown = 'Bearer error="invalid_token"' if self.invalid_token else "Bearer"
        return unknown if self.status == 401 else None


class TooManyCalls(RequestError):
    """More calls than one token may make; nothing was done. retry_after_s: whole seconds to wait."""

    status = 429
    code = "too_many_calls"

    def __init__(self, what: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"This token has made more {what} than it may in a minute. Nothing was done or charged; "
            f"go on in {retry_after_s} s."
        )


class NotFound(RequestError):
    """There is no such thing, or none that this caller may know of."""

    status = 404
    code = "not_found"


class IdempotencyKeyReused(RequestError):
    """The idempotency key was used before, for another request."""

    status = 409
    code = "idempotency_key_reused"


class PayloadTooLarge(RequestError):
    """More bytes than are taken here."""

    status = 413
    code = "too_large"


class StateConflict(RequestError):
    """The job is not in a state in which that can be done."""

    status = 409
    code = "not_now"


class BudgetExceeded(RequestError):
    """The take would pass a limit; no job was made. left_usd: what is left until the tightest limit.

    counts_usd: its ceiling, or what an unknown price counts for. limit: the setting that holds it, or the id
    of one that an admin set. title, renews: the limit, and when it starts anew, in words.
    """

    status = 402
    code = "budget"

    def __init__(
        self, left_usd: float, counts_usd: float, *, price_known: bool,
        limit: str, title: str, renews: str, renews_at: datetime,
    ) -> None:  # fmt: skip
        self.left_usd, self.limit = max(0.0, left_usd), limit
        self.counts_usd, self.renews_at = counts_usd, renews_at
        wanted = f" It may cost up to ${_cents(counts_usd, math.ceil)}." if counts_usd else ""
        if not price_known:
            wanted = (
                f" Price unavailable; this take counts for ${_cents(counts_usd, math.ceil)} "
                "until its bill comes."
            )
        super().__init__(
            f"{title[0].upper()}{title[1:]} has ${_cents(self.left_usd, math.floor)} left.{wanted} "
            f"Nothing was sent; ask for less, wait until it renews on {renews}, or have the limit raised."
        )


def _cents(usd: float, rounded: Callable[[float], int]) -> str:
    """Whole cents; what is left is never shown as more than it is, and what is needed never as less."""
    slack = 1e-6 if rounded is math.floor else -1e-6
    return f"{rounded(usd * 100 + slack) / 100:,.2f}"


class ProviderError(DailiesError):
    """A call to a provider did not give what was hoped for.

    code: a short stable word; message: for a person; detail: what came instead, as JSON (never a key).
    """

    def __init__(self, message: str, *, code: str, detail: Any = None) -> None:
        self.code = code
        self.detail = detail
        super().__init__(message)


class ProviderUnsent(ProviderError):
    """Provably not accepted. `retry_after_s`: how long the provider asked us to wait, if it did.

    tries: how often this may be tried before it is a failure; None: without a limit.
    """

    def __init__(
        self, message: str, *, code: str, detail: Any = None,
        retry_after_s: float | None = None, tries: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, code=code, detail=detail)
        self.retry_after_s = retry_after_s
        self.tries = tries


class ProviderRefused(ProviderError):
    """A definite no. pauses_provider: it is about the account, so nothing else should be sent now."""

    def __init__(self, message: str, *, code: str, detail: Any = None, pauses_provider: bool = False) -> None:
        super().__init__(message, code=code, detail=detail)
        self.pauses_provider = pauses_provider


class ProviderUnanswered(ProviderError):
    """The request may have been accepted and paid for; nobody here can tell."""


class ProviderBusy(ProviderError):
    """A question about a known request got no usable answer: ask again later."""


class ProviderForgot(ProviderError):
    """The provider does not know the request (any more)."""


class MediaError(DailiesError):
    """A file could not be brought home."""

    code = "media"


class MediaUnreachable(MediaError):
    """Refused, slow, cut or broken on the way: try again later, from where it stopped if possible."""

    code = "media_unreachable"


class CheckUnfinished(MediaUnreachable):
    """All of it came, and looking into it was stopped or crashed: no fault of the file, as far as known."""

    code = "check_unfinished"


class MediaGone(MediaError):
    """The link says that there is nothing (403, 404, 410): ask the provider for a new one."""

    code = "media_gone"


class MediaDenied(MediaError):
    """The link points to an address that downloads may not reach."""

    code = "media_denied"


class MediaBroken(MediaError):
    """What arrived is no whole video: an error page, a cut file, other bytes."""

    code = "media_broken"


class StorageFull(MediaError):
    """Our own storage will not take the file now: disk full, read-only, or a bucket that is down."""

    code = "storage_full"


class StorageDown(StorageFull):
    """Our own bucket can't be asked now. That a file is gone does not follow from it."""

    code = "storage_down"


class StorageRefused(StorageFull):
    """Our own bucket refuses what we write, for a reason that does not pass by itself."""

    code = "storage_refused"


class StorageMisconfigured(StorageFull):
    """Our own bucket refuses us as we are set up: no such bucket, no right, a wrong key."""

    code = "storage_misconfigured"


class DeliveryRefused(DailiesError):
    """This webhook call is not believed: answer 401 and keep nothing."""


class KeysUnavailable(DailiesError):
    """No key to judge this webhook call by: answer 503, so that it comes again."""


class StoreUnavailable(DailiesError):
    """The database can't be used now: locked, unreachable, restarting, full. Nothing was written.

    why: the driver's own words, for the log. outcome_unknown: the answer to a commit was lost, so it may
    have been written all the same.
    """

    def __init__(self, why: str, *, outcome_unknown: bool = False) -> None:
        self.why, self.outcome_unknown = why, outcome_unknown
        super().__init__(
            "The database went away while this was being kept, so it may be kept or not. Look before you "
            "try again; the same form or Idempotency-Key makes one take, however often it comes."
            if outcome_unknown
            else "The database can't be used just now; nothing was sent. Try again."
        )


class CatalogueUnavailable(DailiesError):
    """A call for the provider's catalogue failed, or an answer can't be read; the old catalogue stays."""


class SubmitDeferred(DailiesError):
    """Its provider is paused, or has as many calls open as are allowed: wait `wait_s` seconds in line."""

    def __init__(self, message: str, *, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(message)


class Interrupted(DailiesError):
    """The worker is stopping: hand the work back, unfinished."""


class StaleState(DailiesError):
    """Somebody else moved the job first, or holds it now: stop here."""


class SettingsError(DailiesError):
    """The settings do not add up; the message names every one at fault and what to do."""
