"""The Provider protocol and its outcomes. A provider tries once; what it raises says what to do next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from backend.catalogue.models import VideoModel


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
    """There is a video. output: the model's whole answer; size_bytes: as the provider states it."""

    url: str
    size_bytes: int | None
    output: dict[str, Any] = field(default_factory=dict)
    billable_units: float | None = None


@dataclass(frozen=True)
class Errored:
    """The provider tried and failed, definitely. `cancelled`: because it was asked to stop."""

    code: str
    message: str
    detail: Any = None
    cancelled: bool = False
    billable_units: float | None = None


RequestStatus = Waiting | Working | Finished | Errored


@dataclass(frozen=True)
class ProviderRecord:
    """One request as the provider's own listing shows it."""

    request_id: str
    input: Mapping[str, Any] | None
    sent_at: datetime | None


class Provider(Protocol):
    """What a provider can do. Each call is made once; nothing here retries."""

    name: str
    #: True: `submit` holds the call open until the video is made, and returns how it ended.
    blocking: bool
    #: How many calls may be held open at once, over all workers; None where `submit` returns at once.
    max_concurrent_calls: int | None

    def submit(
        self, model: str, payload: Mapping[str, Any], *, webhook_url: str | None
    ) -> Receipt | Finished | Errored:
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

    def result(self, ref: RequestRef) -> Finished | Errored:
        """The result of a finished request, with a fresh link.

        Raises:
            ProviderBusy, ProviderForgot: as for `status`.
        """

    def cancel(self, ref: RequestRef) -> bool:
        """Ask for a request to be stopped; True when it will be, False when it is finished already.

        Raises:
            ProviderBusy, ProviderForgot: as for `status`.
        """

    def upload(self, content: bytes, content_type: str, file_name: str) -> str:
        """Hand a file over; returns a link that the provider's models can read.

        Raises:
            ProviderUnsent: not now; try later.
            ProviderRefused: this provider takes no uploads.
        """

    def list_requests(self, model: str, *, since: datetime) -> Sequence[ProviderRecord]:
        """The requests for a model that the provider has on record since then.

        Raises:
            ProviderBusy: no usable answer; ask again later.
        """

    def fetch_catalogue(self, *, on_progress: Callable[[str], None]) -> list[dict[str, Any]]:
        """The models that the provider lists, as `catalogue.models.parse_model` reads them; [] for none.

        Raises:
            CatalogueUnavailable: a call failed or an answer can't be read.
        """

    def unlisted_models(self) -> Sequence[VideoModel]:
        """Models on offer that no listing tells of, with the reason where they can't be used."""

    def key_works(self) -> bool:
        """Does the provider take our key at the moment? False when it says no.

        Raises:
            ProviderBusy: no usable answer.
        """
