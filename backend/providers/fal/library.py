"""Questions about a request by `fal_client`, and uploads as it makes them; all over our own HTTP calls.

It has no settings for its host and its retries: hence the private names. Source: fal-client 1.0.3.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fal_client
import fal_client.client as fal_globals
import httpx

from backend.domain.errors import ProviderBusy, ProviderForgot, ProviderRefused, ProviderUnsent
from backend.http.httpx_transport import name_error, remedy_of

Answer = TypeVar("Answer")

#: Where photos go.
CDN_URL = "https://v3.fal.media"
#: What the library lets through when an answer is JSON of another shape.
UNREADABLE_ERRORS = (KeyError, ValueError, TypeError, AttributeError)


class RequestHandle(fal_client.SyncRequestHandle):
    """A handle that forgives a status without the fields that don't matter here."""

    def _parse_status(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError("a status that is no object")
        return super()._parse_status({"queue_position": None, "logs": None, **data})


def send_file(client: httpx.Client, rest_url: str, content: bytes, content_type: str, file_name: str) -> str:
    """See `Provider.upload`: to fal's media host or, where that fails, to its older storage."""
    cdn_url = CDN_URL if urlsplit(rest_url).hostname == "rest.fal.ai" else rest_url
    sort = {"Content-Type": content_type}
    try:
        token = _read(client.post(f"{rest_url}/storage/auth/token?storage_type=fal-cdn-v3", json={}))
        bearer = f"{token['token_type']} {token['token']}"
        try:
            headers = {**sort, "Authorization": bearer, "X-Fal-File-Name": file_name}
            kept = _read(client.post(f"{cdn_url}/files/upload", content=content, headers=headers))
            return str(kept["access_url"])
        except (httpx.HTTPError, OSError, *UNREADABLE_ERRORS):
            named = {"file_name": file_name, "content_type": content_type}
            place = _read(client.post(f"{rest_url}/storage/upload/initiate?storage_type=gcs", json=named))
            client.put(place["upload_url"], content=content, headers=sort).raise_for_status()
            return str(place["file_url"])
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        message = f"fal's storage answered {status} to the photo."
        if status in (404, 405, 501):
            raise ProviderRefused(message, code="no_uploads") from error
        raise ProviderUnsent(message, code="upload") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, *UNREADABLE_ERRORS) as error:
        why = f"The photo could not be handed to fal ({name_error(error)})."
        raise ProviderUnsent(why, code="upload") from error


def _read(answer: httpx.Response) -> Any:
    return answer.raise_for_status().json()


def switch_retries_off() -> None:
    """The library asks once, as we do: for all that use it in this process."""
    fal_globals.MAX_ATTEMPTS = 1


def handle_at(queue_url: str, client: httpx.Client, model: str, request_id: str) -> RequestHandle:
    """A handle of a request on this host. The library itself knows one host a process."""
    made = RequestHandle.from_request_id(client, model, request_id)
    usual = len(fal_globals.QUEUE_URL_FORMAT)
    response_url, status_url, cancel_url = (
        f"{queue_url}/{url[usual:]}" for url in (made.response_url, made.status_url, made.cancel_url)
    )
    return RequestHandle(request_id, response_url, status_url, cancel_url, client)


def ask(question: Callable[[], Answer]) -> Answer:
    """The library's answer; what it raises is turned into what to do next, as `Provider.status` says."""
    try:
        return question()
    except fal_client.FalClientHTTPError as error:
        if error.status_code in (404, 410):
            raise ProviderForgot("fal has no such request.", code="forgotten") from error
        raise ProviderBusy(f"fal answered {error.status_code}.", code=f"http_{error.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL, fal_client.FalClientError) as error:
        why = f"fal could not be asked ({name_error(error)})."
        raise ProviderBusy(why, code="unreachable").for_operators(remedy_of(error)) from error
    except UNREADABLE_ERRORS as error:
        raise ProviderBusy("fal's answer can't be read.", code="unreadable_answer") from error
