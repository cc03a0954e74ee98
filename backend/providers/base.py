"""The Provider protocol and its outcomes. A provider tries once; what it raises says what to do next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from backend.catalogue.models import VideoModel
from backend.domain.output_files import OutputFile

#: Of a `ProviderBusy`: the provider did answer, and not with anything that can be read.
UNREADABLE = "unreadable_answer"


@dataclass(frozen=True)
class Receipt:
    """The provider accepted a request: its id for it, and its URLs exactly as given."""

    request_id: str
    status_url: str
    response_url: str
    cancel_url: str
    queue_position: int | None = None


@dataclass(frozen=True)
class RequestRef:
    """A request that the provider knows. URLs may be None: then they are made from model and id."""

    model: str
    request_id: str
    status_url: str | None = None
    response_url: str | None = None
    cancel_url: str | None = None


@dataclass(frozen=True)
class Waiting:
    """In the provider's line; 0 is the front. None: the provider doesn't say."""

    queue_position: int | None


@dataclass(frozen=True)
class Working:
    """The provider says that it is rendering."""


@dataclass(frozen=True)
class Finished:
    """There is something to fetch. files: at least one, in the output's order. output: the whole answer."""

    files: Sequence[OutputFile]
    output: dict[str, Any] = field(default_factory=dict)
    billable_units: float | None = None


@dataclass(frozen=True)
class Errored:
    """The provider tried and failed, definitely.

    cancelled: because it was asked to stop. own_fault: the provider broke down, and never bills that.
    """

    code: str
    message: str
    detail: Any = None
    cancelled: bool = False
    billable_units: float | None = None
    own_fault: bool = False


@dataclass(frozen=True)
class Unclear:
    """It went well, says the provider, and what it gave can't be understood here: it may have been billed.

    detail: what came, as JSON or as text.
    """

    message: str
    detail: Any = None
    billable_units: float | None = None


#: How a request ended.
Outcome = Finished | Errored | Unclear
RequestStatus = Waiting | Working | Outcome


@dataclass(frozen=True)
class WebhookBody:
    """What a body says. outcome: None when it has to be asked for (unreadable, null payload, new word)."""

    request_id: str | None
    gateway_request_id: str | None
    status: str
    outcome: Outcome | None


@dataclass(frozen=True)
class VerifiedDelivery:
    """A webhook call that its provider did send. That does not say that it is for us.

    account: the customer it is for. stale: sent too long ago, or too far ahead, to be applied as it stands.
    headers: those that are worth keeping beside the body. body: as it came. content: what it says.
    """

    provider: str
    request_id: str
    account: str
    signed_at: datetime
    stale: bool
    headers: Mapping[str, str]
    body: bytes
    content: WebhookBody


@dataclass(frozen=True)
class ProviderRecord:
    """One request as the provider's own listing shows it."""

    request_id: str
    input: Mapping[str, Any] | None
    sent_at: datetime | None


@dataclass(frozen=True)
class BillEvent:
    """A charge for one request (USD), as the provider's billing tells it. units: None: it doesn't say.

    usd: None: it was charged, and the amount can't be read.
    """

    request_id: str
    model: str
    units: float | None
    usd: float | None


def mark_key(key: str) -> str:
    """Tells one key from another without holding it."""
    return sha256(b"pause|" + key.encode()).hexdigest()[:16]


class Provider(Protocol):
    """What a provider can do. Each call is made once; nothing here retries."""

    name: str
    #: True: `submit` holds the call open until the video is made, and returns how it ended.
    blocking: bool
    #: How many calls may be held open at once, over all workers; None where `submit` returns at once.
    max_concurrent_calls: int | None
    #: The account whose deliveries are ours; "": the first delivery with a job's token tells.
    account: str
    #: The setting that holds our key.
    key_setting: str
    #: Of the key in use, by `mark_key`.
    key_mark: str

    def submit(self, model: str, payload: Mapping[str, Any], *, webhook_url: str | None) -> Receipt | Outcome:
        """Send one request, with one POST.

        Raises:
            ProviderUnsent: provably not accepted.
            ProviderRefused: a definite no.
            ProviderUnanswered: anything else; it may have been accepted, and paid for.
        """

    def status(self, ref: RequestRef) -> RequestStatus:
        """Where a request stands; for a finished one, with its result.

        Raises:
            ProviderBusy: no usable answer; ask again later.
            ProviderForgot: the provider does not know the request.
        """

    def result(self, ref: RequestRef) -> Outcome:
        """The result of a finished request, with a fresh link. Raises as `status` does."""

    def cancel(self, ref: RequestRef) -> bool:
        """Ask for a request to be stopped; False when it is finished already. Raises as `status` does."""

    def upload(self, content: bytes, content_type: str, file_name: str) -> str:
        """Hand a file over; returns a link that the provider's models can read.

        Raises:
            ProviderUnsent: not now; try later.
            ProviderRefused: this provider takes no uploads.
        """

    def list_requests(self, model: str, *, since: datetime) -> Sequence[ProviderRecord]:
        """The requests for a model that the provider has on record since then. Raises ProviderBusy."""

    def list_bills(self, *, since: datetime, until: datetime) -> Sequence[BillEvent] | None:
        """What was charged from `since` until `until` (exclusive), every charge; None: it can't be asked.

        Raises:
            ProviderBusy: no usable answer, or the key for it is refused.
        """

    def read_balance(self) -> float | None:
        """What is left on the account (USD), below zero where it owes; None: it can't be asked. One question.

        Raises:
            ProviderBusy: no usable answer, or the key for it is refused.
        """

    def fetch_catalogue(self, *, on_progress: Callable[[str], None]) -> list[dict[str, Any]]:
        """The models that the provider lists, as `catalogue.models.parse_model` reads them; [] for none.

        Raises:
            CatalogueUnavailable: a call failed or an answer can't be read.
        """

    def unlisted_models(self) -> Sequence[VideoModel]:
        """Models on offer that no listing tells of, with the reason where they can't be used."""

    def key_works(self) -> bool | None:
        """Does it take our key now? False: it says no. None: it can't be asked. Raises ProviderBusy."""

    def verify_delivery(
        self, headers: Sequence[tuple[str, str]], body: bytes, *, now: datetime
    ) -> VerifiedDelivery | None:
        """A webhook call that this provider sent, read; None when it does not claim to be this provider's.

        headers: every header line as (name, value). body: the raw bytes.

        Raises:
            DeliveryRefused: it claims to be, and is not.
            KeysUnavailable: that can't be judged now.
        """

    def read_delivery(self, body: bytes) -> WebhookBody:
        """What a body that was verified before says; one that can't be understood has no outcome."""

    def load_signing_keys(self) -> int:
        """Have the keys at hand that deliveries are verified with; returns how many. 0: it sends none.

        Raises:
            KeysUnavailable: there are none, and none can be had now; says what is missing.
        """
