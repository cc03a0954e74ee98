"""What is used of `fal_client`, over our own HTTP calls: questions about a request, and uploads.

It has no settings for its hosts and its retries, and no door for a client of ours: hence the private names.

Source: fal-client 1.0.3.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fal_client
import fal_client.client as fal_globals
import httpx

from backend.domain.errors import ProviderBusy, ProviderForgot, ProviderRefused, ProviderUnsent

Answer = TypeVar("Answer")

#: What the library lets through when an answer is JSON of another shape, or too deep.
UNREADABLE_ERRORS = (KeyError, ValueError, TypeError, AttributeError, RecursionError)


class RequestHandle(fal_client.SyncRequestHandle):
    """A handle that forgives a status without the fields that don't matter here."""

    def _parse_status(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError("a status that is no object")
        return super()._parse_status({"queue_position": None, "logs": None, **data})


class Uploads(fal_client.SyncClient):
    """The library's uploads. make_client: (Authorization) -> a client of ours that sends it along."""

    def __init__(self, key: str, make_client: Callable[[str], httpx.Client]) -> None:
        super().__init__(key=key)
        client = make_client(f"Key {key}")
        self.__dict__.update(  # its dataclass is frozen
            _client=client, _token_manager=_Tokens(self._auth, client), _make_client=make_client
        )

    def _get_cdn_client(self) -> httpx.Client:
        token = self._token_manager.get_token()
        client: httpx.Client = self.__dict__["_make_client"](f"{token.token_type} {token.token}")
        return client

    def send_file(self, content: bytes, content_type: str, file_name: str) -> str:
        """See `Provider.upload`."""
        try:
            return self.upload(content, content_type, file_name, fallback_repository="fal")
        except (fal_client.FalClientHTTPError, httpx.HTTPStatusError) as error:
            status = error.response.status_code
            message = f"fal's storage answered {status} to the photo."
            if status in (404, 405, 501):
                raise ProviderRefused(message, code="no_uploads") from error
            raise ProviderUnsent(message, code="upload") from error
        except (httpx.HTTPError, fal_client.FalClientError, OSError, *UNREADABLE_ERRORS) as error:
            raise ProviderUnsent(
                f"The photo could not be handed to fal ({type(error).__name__}).", code="upload"
            ) from error


class _Tokens(fal_globals.CDNTokenManager):
    """The tokens of uploads, asked for by our own client."""

    def __init__(self, auth: Any, client: httpx.Client) -> None:
        super().__init__(auth)
        self._client = client

    def _refresh_token(self) -> fal_globals.CDNToken:
        response = self._client.post(self._url, headers=self._headers, json={})
        response.raise_for_status()
        data = response.json()
        return fal_globals.CDNToken(
            token=data["token"],
            token_type=data["token_type"],
            base_upload_url=data["base_url"],
            expires_at=datetime.fromisoformat(data["expires_at"]),
        )


def point_library(queue_url: str, rest_url: str) -> None:
    """Aim the library at these hosts and switch its own retries off."""
    fal_globals.MAX_ATTEMPTS = 1
    fal_globals.QUEUE_URL_FORMAT = f"{queue_url}/"
    fal_globals.REST_URL = rest_url
    if urlsplit(rest_url).hostname != "rest.fal.ai":
        fal_globals.CDN_URL = rest_url


def ask(question: Callable[[], Answer]) -> Answer:
    """The library's answer; what it raises is turned into what to do next.

    Raises:
        ProviderBusy, ProviderForgot: as for `Provider.status`.
    """
    try:
        return question()
    except fal_client.FalClientHTTPError as error:
        if error.status_code in (404, 410):
            raise ProviderForgot("fal has no such request.", code="forgotten") from error
        raise ProviderBusy(f"fal answered {error.status_code}.", code=f"http_{error.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL, fal_client.FalClientError) as error:
        raise ProviderBusy(f"fal could not be asked ({type(error).__name__}).", code="unreachable") from error
    except UNREADABLE_ERRORS as error:
        raise ProviderBusy("fal's answer can't be read.", code="unreadable_answer") from error
