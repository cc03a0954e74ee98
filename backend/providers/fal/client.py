"""fal.ai: submit once, then status, result, cancel, uploads and the request listing.

The submit is one plain POST by `requests`: fal has no idempotency key, and `fal_client.submit` repeats
its POST up to ten times when an answer is lost, each of them paid. `fal_client` asks and cancels over the
same calls, its own retries switched off: here a retry is a row that is due again.

Source: fal documentation, "Queue API", "Error handling", platform OpenAPI; fal-client 1.0.3.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote, urlsplit

import fal_client
import httpx
import requests

from backend.catalogue.models import VideoModel
from backend.domain.errors import ProviderBusy, ProviderForgot, ProviderUnanswered
from backend.http.calls import HEADERS, HttpCall, redact_secret
from backend.http.httpx_transport import HttpxTransport, name_error, remedy_of
from backend.http.outbound import DIRECT, Outbound
from backend.providers.answer_body import excerpt_text, lost_call, parse_json
from backend.providers.base import (
    UNREADABLE,
    BillEvent,
    Errored,
    Outcome,
    ProviderRecord,
    Receipt,
    RequestRef,
    RequestStatus,
    Unclear,
    VerifiedDelivery,
    Waiting,
    WebhookBody,
    Working,
    mark_key,
)
from backend.providers.fal import answers, balance, bills, library, listing, listing_pages, webhook
from backend.providers.fal import submit as fal_submit
from backend.providers.fal.signing_keys import FalSigningKeys

#: A connection that takes longer is given up: nothing has been sent yet, so it may be tried again.
CONNECT_S = 10.0
#: fal answers a submit in well under a second; after this silence the answer counts as lost.
SUBMIT_READ_S = 30.0
#: The same, for an answer that drips.
SUBMIT_DEADLINE_S = 60.0
#: Questions (status, result, cancel, listing) are cheap to repeat, so they wait less.
ASK_S = 20.0
#: How many pages of the request listing are read in one search.
MAX_LISTING_PAGES = 5
#: A result that can't be read is kept this far: a person looks in it for the link of what was paid.
RESULT_EXCERPT_CHARS = 64 * 1024

_ID = re.compile(r"[A-Za-z0-9._:\-]{1,200}")


class FalProvider:
    """fal behind the Provider protocol. All URLs are bases without a trailing slash."""

    name = "fal"
    key_setting = "FAL_KEY"
    blocking = False
    max_concurrent_calls: int | None = None

    def __init__(
        self,
        *,
        key: str,
        queue_url: str,
        rest_url: str,
        api_url: str,
        signing_keys: FalSigningKeys,
        account: str = "",
        admin_key: str = "",
        outbound: Outbound = DIRECT,
        submit_s: float = SUBMIT_DEADLINE_S,
        ask_s: float = ASK_S,
    ) -> None:
        self.account, self.key_mark = account, mark_key(key)
        self._key, self._submit_s = key, submit_s
        self._signing_keys, self._outbound = signing_keys, outbound
        self._queue_url = queue_url
        self._api_url = api_url
        self._rest_url = rest_url
        library.switch_retries_off()

        def client_of(one: str) -> httpx.Client:
            transport = HttpxTransport(outbound=outbound, connect_s=CONNECT_S, read_s=ask_s)
            return httpx.Client(transport=transport, headers={**HEADERS, "Authorization": f"Key {one}"})

        self._http = client_of(key)
        self._admin_page = listing_pages.page_fetcher(client_of(admin_key), api_url) if admin_key else None

    def submit(self, model: str, payload: Mapping[str, Any], *, webhook_url: str | None) -> Receipt:
        """See `Provider.submit`. The key and the payload leave this process at most once."""
        url = f"{self._queue_url}/{quote(model, safe='/-._~')}"
        read_s = min(SUBMIT_READ_S, self._submit_s)
        call = HttpCall(
            outbound=self._outbound, connect_s=CONNECT_S, read_s=read_s, deadline_s=self._submit_s
        )
        try:
            answer = call.send(
                "POST",
                url,
                params={"fal_webhook": webhook_url} if webhook_url else None,
                json=dict(payload),
                headers={"Authorization": f"Key {self._key}"},
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise lost_call("fal", call, error) from None  # its words hold the webhook's token
        answer = answer._replace(body=redact_secret(answer.body, self._key))
        if 200 <= answer.status < 300:
            return self._receipt(model, answer.body)
        raise fal_submit.response_error(answer)

    def status(self, ref: RequestRef) -> RequestStatus:
        """See `Provider.status`. A failed request is a completed one with an error."""
        standing = library.ask(self._handle(ref).status)
        if isinstance(standing, fal_client.Queued):
            return Waiting(_position(standing.position))
        if isinstance(standing, fal_client.InProgress):
            return Working()
        completed = cast(fal_client.Completed, standing)
        if completed.error:
            return self._failure(ref, completed)
        return self.result(ref)

    def result(self, ref: RequestRef) -> Outcome:
        """See `Provider.result`. Success is an answer that holds a video's URL, nothing less."""
        response = self._get(self._handle(ref).response_url)
        body = parse_json(redact_secret(response.content, self._key))
        if response.status_code == 200 and body is not None:
            return answers.parse_result(body, response.headers)
        if response.status_code == 200:  # some proxy's page, or half an answer: nothing of the model's
            content = redact_secret(response.content, self._key)
            says = excerpt_text(content, max_chars=RESULT_EXCERPT_CHARS)
            raise ProviderBusy("fal's result can't be read.", code=UNREADABLE, detail=says)
        if response.status_code in (404, 410) and not answers.is_model_error(body):
            raise ProviderForgot("fal has no such request.", code="forgotten")
        failure = answers.model_failure(response.status_code, body)
        if failure is None:
            status = response.status_code
            raise ProviderBusy(f"fal answered {status} when asked for the result.", code=f"http_{status}")
        return replace(failure, billable_units=answers.billable_units(response.headers))

    def cancel(self, ref: RequestRef) -> bool:
        """See `Provider.cancel`."""
        try:
            library.ask(self._handle(ref).cancel)
        except ProviderBusy as error:
            if error.code == "http_400":  # ALREADY_COMPLETED
                return False
            raise
        return True

    def upload(self, content: bytes, content_type: str, file_name: str) -> str:
        """See `Provider.upload`."""
        return library.send_file(self._http, self._rest_url, content, content_type, file_name)

    def list_requests(self, model: str, *, since: datetime) -> Sequence[ProviderRecord]:
        """See `Provider.list_requests`. Absence proves nothing: the listing lags, and may miss what waits."""
        found: list[ProviderRecord] = []
        cursor, start = None, since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"endpoint_id": model, "start": start, "expand": "payloads", "limit": "100"}
        for _ in range(MAX_LISTING_PAGES):
            if cursor:
                query["cursor"] = cursor
            response = self._get(f"{self._api_url}/v1/models/requests/by-endpoint", params=query)
            page, status = parse_json(response.content), response.status_code
            if status != 200 or not isinstance(page, dict):
                raise ProviderBusy(f"fal's request listing answered {status}.", code=f"http_{status}")
            found += answers.parse_request_page(page)
            cursor = page.get("next_cursor")
            if not cursor or page.get("has_more") is False:
                break
        return found

    def list_bills(self, *, since: datetime, until: datetime) -> Sequence[BillEvent] | None:
        """See `Provider.list_bills`. Only an ADMIN key reads them, and it is sent nowhere else."""
        if self._admin_page is None:
            return None
        return bills.read_bills(self._admin_page, since=since, until=until, sleep=time.sleep)

    def read_balance(self) -> float | None:
        """See `Provider.read_balance`. Asked with the ADMIN key."""
        return None if self._admin_page is None else balance.read_balance(self._admin_page)

    def fetch_catalogue(self, *, on_progress: Callable[[str], None]) -> list[dict[str, Any]]:
        """See `Provider.fetch_catalogue`."""
        fetch_page = listing_pages.page_fetcher(self._http, self._api_url)
        return listing.read_catalogue(fetch_page, on_progress=on_progress)

    def unlisted_models(self) -> Sequence[VideoModel]:
        """See `Provider.unlisted_models`. fal lists its own."""
        return []

    def verify_delivery(
        self, headers: Sequence[tuple[str, str]], body: bytes, *, now: datetime
    ) -> VerifiedDelivery | None:
        """See `Provider.verify_delivery`."""
        return webhook.verify_delivery(self._signing_keys, headers, body, now=now)

    def read_delivery(self, body: bytes) -> WebhookBody:
        """See `Provider.read_delivery`."""
        return webhook.read_body(body)

    def load_signing_keys(self) -> int:
        """See `Provider.load_signing_keys`."""
        return len(self._signing_keys.current_keys())

    def key_works(self) -> bool:
        """See `Provider.key_works`. Asked of the price list: it needs a key and costs nothing."""
        response = self._get(f"{self._api_url}/v1/models/pricing", params={"endpoint_id": "fal-ai/veo3.1"})
        if response.status_code in (401, 403):
            return False
        if response.status_code != 200 or not isinstance(parse_json(response.content), dict):
            says = f"{self._api_url} answers {response.status_code}, and not whether it takes the key."
            raise ProviderBusy(says, code="busy")
        return True

    def _receipt(self, model: str, body: bytes) -> Receipt:
        answer = parse_json(body)
        request_id = answer.get("request_id") if isinstance(answer, dict) else None
        if not isinstance(request_id, str) or not _ID.fullmatch(request_id):
            raise ProviderUnanswered(
                "fal answered, but not with a request id that can be read. The take may have been accepted.",
                code="unreadable_answer",
                detail=excerpt_text(body),
            )
        assert isinstance(answer, dict)
        made = library.handle_at(self._queue_url, self._http, model, request_id)
        return Receipt(
            request_id=request_id,
            status_url=_text(answer.get("status_url")) or made.status_url,
            response_url=_text(answer.get("response_url")) or made.response_url,
            cancel_url=_text(answer.get("cancel_url")) or made.cancel_url,
            queue_position=_position(answer.get("queue_position")),
        )

    def _handle(self, ref: RequestRef) -> fal_client.SyncRequestHandle:
        made = library.handle_at(self._queue_url, self._http, ref.model, ref.request_id)
        return library.RequestHandle(
            request_id=ref.request_id,
            response_url=self._ours(ref.response_url) or made.response_url,
            status_url=self._ours(ref.status_url) or made.status_url,
            cancel_url=self._ours(ref.cancel_url) or made.cancel_url,
            client=self._http,
        )

    def _ours(self, url: str | None) -> str | None:
        """The URL, if our key may be sent there: fal's own hosts, or the one we submit to."""
        if not url:
            return None
        asked, queue = urlsplit(url), urlsplit(self._queue_url)
        if (asked.scheme, asked.netloc) == (queue.scheme, queue.netloc):
            return url
        host = asked.hostname or ""
        fal_host = host in {"fal.run", "falrun.com"} or host.endswith((".fal.run", ".falrun.com", ".fal.ai"))
        return url if asked.scheme == "https" and fal_host else None

    def _get(self, url: str, **options: Any) -> httpx.Response:
        try:
            return self._http.get(url, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = f"fal could not be asked ({name_error(error)})."
            raise ProviderBusy(why, code="unreachable").for_operators(remedy_of(error)) from error

    def _failure(self, ref: RequestRef, completed: fal_client.Completed) -> Outcome:
        """Why it failed: the result's own words where there are any, else what the status says."""
        code = completed.error_type if isinstance(completed.error_type, str) else "model_error"
        told = answers.make_errored(code, str(completed.error))
        try:
            result = self.result(ref)
        except (ProviderBusy, ProviderForgot):
            return told
        if isinstance(result, Unclear) or (isinstance(result, Errored) and result.code == "no_video"):
            return told
        return result


def _position(value: Any) -> int | None:
    """A place in the line that can be believed and kept."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if fits else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
