"""Blackbox: a provider that holds the call open until the video is made, one to fifteen minutes.

There is no request id, no status and no webhook: an answer that is lost is lost, and nobody can be
asked. So the call is made once, in the worker, and whatever is not a plain answer is left to a person.

Source: Blackbox documentation, "Video generation", "Errors".
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import requests

from backend.catalogue.models import VideoModel
from backend.domain.errors import ProviderForgot, ProviderRefused, ProviderUnanswered
from backend.domain.links import normalize_link
from backend.domain.output_files import FileKind, OutputFile, find_files, has_unreachable
from backend.http.calls import HttpCall, redact_secret
from backend.http.outbound import DIRECT, Outbound
from backend.providers.answer_body import clean_text, excerpt_text, lost_call, parse_json
from backend.providers.base import (
    Errored,
    Finished,
    Outcome,
    ProviderRecord,
    RequestRef,
    RequestStatus,
    Unclear,
    WebhookBody,
    mark_key,
)

#: A connection that takes longer is given up: nothing has been sent yet.
CONNECT_S = 10.0
#: Answers that mean a definite no, before anything was begun.
REFUSAL_STATUSES = frozenset({400, 401, 402, 403, 429})
#: A photo inside a request is a third larger than its file; larger ones are not taken.
PHOTO_MAX_CHARS = 14 * 1024 * 1024

_LINK = re.compile(r"https?://[^\s<>\"'`\\\])}]+")


class BlackboxProvider:
    """Blackbox behind the Provider protocol. url: its base, without a slash at the end.

    timeout_s, max_calls: how long a call may take, how many at once. model_ids: of its models.
    """

    name = "blackbox"
    key_setting = "BLACKBOX_API_KEY"
    blocking = True

    def __init__(
        self,
        *,
        key: str,
        url: str,
        timeout_s: float,
        max_calls: int = 8,
        model_ids: Sequence[str] = (),
        outbound: Outbound = DIRECT,
    ) -> None:
        self._key, self._url, self._timeout_s = key, url, timeout_s
        self._offers, self._outbound = tuple(model_ids), outbound
        self.max_concurrent_calls: int | None = max_calls
        self.account, self.key_mark = "", mark_key(key)

    def submit(self, model: str, payload: Mapping[str, Any], *, webhook_url: str | None) -> Outcome:
        """See `Provider.submit`: one POST, held open until the video is made or the time is over."""
        call = HttpCall(
            outbound=self._outbound, connect_s=CONNECT_S, read_s=self._timeout_s, deadline_s=self._timeout_s
        )
        message = {"role": "user", "content": _content(payload)}
        try:
            answer = call.send(
                "POST",
                f"{self._url}/chat/completions",
                json={"model": model, "messages": [message], "stream": False},
                headers={"Authorization": f"Bearer {self._key}"},
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise lost_call("Blackbox", call, error) from None
        return _outcome(answer.status, redact_secret(answer.body, self._key))

    def status(self, ref: RequestRef) -> RequestStatus:
        """Nobody can be asked."""
        raise ProviderForgot("Blackbox can't be asked about a request.", code="not_asked")

    def result(self, ref: RequestRef) -> Outcome:
        """Nobody can be asked."""
        raise ProviderForgot("Blackbox can't be asked for a result again.", code="not_asked")

    def cancel(self, ref: RequestRef) -> bool:
        """Nobody can be told."""
        raise ProviderForgot("Blackbox can't be told to stop.", code="not_asked")

    def upload(self, content: bytes, content_type: str, file_name: str) -> str:
        """Photos travel inside the request."""
        raise ProviderRefused("Blackbox takes no uploads.", code="no_uploads")

    def list_requests(self, model: str, *, since: datetime) -> Sequence[ProviderRecord]:
        """There are no records to look into."""
        return []

    def list_bills(self, *, since: datetime, until: datetime) -> None:
        """See `Provider.list_bills`. It tells of none."""

    def read_balance(self) -> None:
        """See `Provider.read_balance`. It tells none."""

    def fetch_catalogue(self, *, on_progress: Callable[[str], None]) -> list[dict[str, Any]]:
        """Blackbox lists nothing; its models are named in the settings."""
        return []

    def unlisted_models(self) -> Sequence[VideoModel]:
        """See `Provider.unlisted_models`: those that the settings name."""
        return make_models(self._offers, reason=None if self._key else "no key for it is set here")

    def key_works(self) -> None:
        """Nothing can be asked that costs nothing."""

    def verify_delivery(self, headers: Sequence[tuple[str, str]], body: bytes, *, now: datetime) -> None:
        """Blackbox delivers nothing, so no call is its own."""

    def read_delivery(self, body: bytes) -> WebhookBody:
        """Nothing that was ever verified."""
        return WebhookBody(None, None, "unreadable", None)

    def load_signing_keys(self) -> int:
        """Blackbox signs nothing."""
        return 0


def make_models(model_ids: Iterable[str], *, reason: str | None) -> list[VideoModel]:
    """The models on offer. reason: why they can't be used; None when they can."""
    return [
        VideoModel(
            id=name,
            provider=BlackboxProvider.name,
            title=f"{name.rsplit('/', 1)[-1].replace('-', ' ').title()} (Blackbox)",
            category="text-to-video",
            description="From text, and a photo if you like; one call that takes one to three minutes.",
            schema={"type": "object", "properties": {}, "additionalProperties": False},
            prompt_field="prompt",
            prompt_required=True,
            prompt_max_chars=20_000,
            image_field="image_url",
            image_required=False,
            end_image_field=None,
            price=None,
            typical_s=120.0,
            usable=reason is None,
            reason=reason,
            price_note="Blackbox gives no price list.",
        )
        for name in dict.fromkeys(model_ids)
    ]


def find_links(answer: Any) -> list[OutputFile]:
    """The files in an answer: links in the message's text, plain or in markdown, or in the other places."""
    texts = [match.rstrip(".,;:!?") for text in _texts(answer) for match in _LINK.findall(text)]
    links = list(dict.fromkeys(link for text in texts if (link := normalize_link(text))))
    if not links:  # data in place of a link
        return find_files(answer)
    # A text may name pages, too: where links end like files, only those are meant.
    named = [link for link in links if OutputFile("", link).kind_hint != FileKind.OTHER] or links[:1]
    return [OutputFile(f"link.{number}" if number else "video", link) for number, link in enumerate(named)]


def _content(payload: Mapping[str, Any]) -> Any:
    """The message: plain text, or text and photo in the form that vision models take."""
    text, photo = payload.get("prompt", ""), payload.get("image_url")
    if not photo:
        return text
    if len(photo) > PHOTO_MAX_CHARS:
        why = "The photo is too large for Blackbox. Use one under 10 MB."
        raise ProviderRefused(why, code="photo_too_large")
    return [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": photo}}]


def _outcome(status: int, body: bytes) -> Outcome:
    answer = parse_json(body)
    fields = answer if isinstance(answer, dict) else {}
    error = fields.get("error")
    words = error.get("message") if isinstance(error, dict) else error or fields.get("detail")
    said = clean_text(words) if words and isinstance(words, str) else f"Blackbox answered {status}."
    code, detail = f"http_{status}", excerpt_text(body)
    if status in REFUSAL_STATUSES:
        raise ProviderRefused(said, code=code, detail=detail)
    if status != 200 or answer is None:
        raise ProviderUnanswered(
            f"Blackbox answered {status}, and not with a video.", code=code, detail=detail
        )
    if error:
        return Errored("provider_error", said, detail=detail)
    files = find_links(answer)
    if not files and has_unreachable(answer):
        return Unclear("Blackbox finished, and its answer names a file by something that is no link.", detail)
    if not files:
        return Errored("no_video", "Blackbox finished without a link to a video.", detail=detail)
    return Finished(files, answer)


def _texts(answer: Any) -> Iterator[str]:
    """Every place where an answer may hold its link, the documented one first."""
    if not isinstance(answer, dict):
        return
    for choice in _items(answer.get("choices")):
        message = choice.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            yield content
        for part in _items(content):
            inner = part.get("video_url") or part.get("text") or part.get("url")
            yield from _strings(inner)
        if isinstance(message, dict):
            yield from _strings(message.get("video_url"))
    data = answer.get("data")
    for place in (answer, *([data] if isinstance(data, dict) else _items(data))):
        for name in ("video_url", "url", "video"):
            yield from _strings(place.get(name))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = value.get("url")
    if isinstance(value, str):
        yield value


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
