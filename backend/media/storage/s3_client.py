"""A client of a bucket: how long it waits, how often it asks again, and what its errors mean to us."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
)
from botocore.loaders import Loader, create_loader
from urllib3.exceptions import HTTPError

from backend.domain.errors import StorageDown, StorageMisconfigured, StorageRefused
from backend.http.calls import PROXY_WANTS_NAME
from backend.http.outbound import DIRECT, PROXY_REMEDY, Outbound
from backend.media.storage.s3_sending import take_over_sending

#: A store that is there answers a connection at once; across an ocean in a fraction of a second.
CONNECT_S = 5.0
#: The longest silence. Completing a large upload takes stores seconds; S3 then sends blanks meanwhile.
READ_S = 20.0
#: A part that is cut is sent again, so that one cut doesn't cost a whole file. Everything that we send
#: may be sent twice: parts have numbers, and the last word is conditional.
MAX_ATTEMPTS = 3
#: What a check may take: pages wait for it.
CHECK_CONNECT_S, CHECK_READ_S = 2.0, 4.0
#: The longest that one try of a request may take, besides the time for its bytes; and one of a check.
CALL_S, CHECK_CALL_S = 60.0, 6.0
#: Uploads, downloads and links of all threads of a worker at once.
MAX_CONNECTIONS = 64

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_KEY_REFUSED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})
_NO_RIGHT = frozenset({"403", "AccessDenied", "Forbidden", "AllAccessDisabled"})
_WRONG_REGION = frozenset({"301", "PermanentRedirect", "AuthorizationHeaderMalformed"})
_CLOCK_WRONG = "RequestTimeTooSkewed"
#: Answers that are about this moment, or about what is there already, though their status is one of refusals.
_PASSING_STATUS = frozenset({404, PROXY_WANTS_NAME, 408, 409, 412, 425, 429})
_PASSING = frozenset({"RequestTimeout", "RequestTimeoutException", "SlowDown", "NoSuchUpload"})


@dataclass(frozen=True)
class Bucket:
    """What a bucket is reached with. endpoint: empty for AWS; without a key, the usual places."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    public_endpoint: str = ""  #: where browsers reach it; empty: as we do
    outbound: Outbound = DIRECT  #: whom its client trusts, and which way it goes

    @property
    def display_name(self) -> str:
        """How people are told of it."""
        at = f" at {self.endpoint}" if self.endpoint else ""
        return f"bucket {self.name!r}{at}"


def make_client(bucket: Bucket, *, quick: bool = False) -> Any:
    """A client for one bucket, safe to share between threads. quick: for checks, which people wait for.

    An endpoint of one's own is used by its path, with no bucket in the host name: its certificate and
    its name in DNS need not know of buckets. At AWS "virtual" has links lead to the bucket's own region at
    once ("auto" signs them for a host that redirects), but for names with dots, which no certificate covers.
    Checksums are given by us where they are wanted; the library's own default (a trailer behind the body)
    is not understood by every store.

    Raises:
        StorageMisconfigured: the endpoint or the region is none.
    """
    try:
        timeout = (CHECK_CONNECT_S, CHECK_READ_S) if quick else (CONNECT_S, READ_S)
        client = _boto_client(bucket, timeout, tries=1 if quick else MAX_ATTEMPTS)
    except ValueError as error:  # the library's, for both
        why = StorageMisconfigured("The bucket's address or region is none.")
        raise why.for_operators(f"{error} Put AWS_ENDPOINT_URL and AWS_REGION right.") from error
    take_over_sending(client, bucket.outbound, base_s=CHECK_CALL_S if quick else CALL_S)
    return client


@cache
def _descriptions() -> Loader:
    """The library's description of S3, a megabyte of JSON: read once for all clients of this process."""
    return create_loader()


def _boto_client(bucket: Bucket, timeout: tuple[float, float], *, tries: int) -> Any:
    core = botocore.session.get_session()
    core.register_component("data_loader", _descriptions())
    session = boto3.session.Session(botocore_session=core)
    return session.client(
        "s3",
        verify=core.get_config_variable("ca_bundle") or True,
        endpoint_url=bucket.endpoint or None,
        region_name=bucket.region or "us-east-1",
        aws_access_key_id=bucket.access_key or None,
        aws_secret_access_key=bucket.secret_key or None,
        aws_session_token=bucket.session_token or None,
        config=Config(
            signature_version="s3v4",
            connect_timeout=timeout[0],
            read_timeout=timeout[1],
            retries={"total_max_attempts": tries, "mode": "standard"},
            max_pool_connections=MAX_CONNECTIONS,
            s3={"addressing_style": "path" if bucket.endpoint or "." in bucket.name else "virtual"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


@contextlib.contextmanager
def map_bucket_errors(bucket: Bucket, *, for_object: bool = False) -> Iterator[None]:
    """Whatever the library says in here, it says about our bucket.

    for_object: it is asked for one object, which may not be there. A 404 to anything else comes from
        somebody in between (a load balancer without a store behind it), and says nothing of our files.

    Raises:
        FileNotFoundError: there is no such object (`for_object` alone).
        StorageMisconfigured: settings or rights are wrong; a person has to put that right.
        StorageRefused: it says no to what we ask for, and will again.
        StorageDown: the bucket doesn't answer as it should now.
    """
    try:
        yield
    except ClientError as error:
        found = translate_error(bucket, error)
        if isinstance(found, FileNotFoundError) and not for_object:
            where = bucket.display_name
            found = StorageDown(f"The {where} is not found at its address; it is tried again later.")
        raise found from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        why = StorageMisconfigured(f"There is no key for the {bucket.display_name}.")
        raise why.for_operators("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.") from error
    except ProxyConnectionError as error:
        raise _proxy_trouble(bucket) from error
    except (HTTPClientError, ConnectionError) as error:
        down = StorageDown(f"The {bucket.display_name} can't be reached ({type(error).__name__}).")
        remedy = "Check AWS_ENDPOINT_URL and the network, or wait until it is back."
        raise down.for_operators(remedy) from error
    except (BotoCoreError, HTTPError, ValueError) as error:  # HTTPError: TLS that breaks in mid-body
        raise StorageDown(f"The {bucket.display_name} can't be used ({type(error).__name__}).") from error


def _proxy_trouble(bucket: Bucket) -> StorageDown:
    down = StorageDown(f"The {bucket.display_name} can't be reached through the proxy.")
    return down.for_operators(
        f"{PROXY_REMEDY} Put its address, name and password right, or wait until it is back."
    )


def error_code(error: ClientError) -> str:
    """The store's own word for what went wrong, or the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_sentence(error: ClientError) -> str:
    """What the store itself says: its word, and its sentence if it gave one."""
    message = " ".join(str(error.response.get("Error", {}).get("Message") or "").split())[:300].rstrip(".")
    return f"{error_code(error) or 'an error'}: {message}" if message else error_code(error) or "an error"


def is_missing(error: ClientError) -> bool:
    """Is it that there is no such object?"""
    return error_code(error) in _MISSING


def is_refusal(error: ClientError) -> bool:
    """Is it a no that the same request would get again, and not by what a person has set wrong?"""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    says_no = (400 <= status < 500 and status not in _PASSING_STATUS) or status == 501
    code = error_code(error)
    return says_no and code not in _PASSING and _misconfigured(code, "") is None


def translate_error(bucket: Bucket, error: ClientError) -> Exception:
    """Our error for a store's."""
    code, name = error_code(error), bucket.display_name
    if code in _MISSING:
        return FileNotFoundError(2, "no such object in the bucket")
    if code == str(PROXY_WANTS_NAME):
        return _proxy_trouble(bucket)
    if wrong := _misconfigured(code, name):
        return StorageMisconfigured(wrong.what).for_operators(wrong.remedy)
    if is_refusal(error):
        return StorageRefused(f"The {name} refuses this and will again, as it says: {error_sentence(error)}.")
    return StorageDown(f"The {name} answers {error_sentence(error)}; it is tried again later.")


class _Wrong(NamedTuple):
    """What is wrong with how we are set up, and what a person puts right."""

    what: str
    remedy: str


def _misconfigured(code: str, name: str) -> _Wrong | None:
    """What is wrong, by the store's word for it; None: it is nothing of ours."""
    if code == "NoSuchBucket":
        remedy = "Create it, or put STORAGE_URL and AWS_ENDPOINT_URL right."
        return _Wrong(f"There is no {name}.", remedy)
    if code in _KEY_REFUSED:
        remedy = "Put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY right."
        return _Wrong(f"The {name} refuses our key ({code}).", remedy)
    if code in _NO_RIGHT:
        remedy = (
            "It needs s3:ListBucket, s3:ListBucketMultipartUploads, s3:GetObject, s3:PutObject, "
            "s3:DeleteObject and s3:AbortMultipartUpload there."
        )
        return _Wrong(f"Our key may not use the {name} ({code}).", remedy)
    if code in _WRONG_REGION:
        return _Wrong(f"The {name} lies in another region.", remedy="Put AWS_REGION right.")
    if code == _CLOCK_WRONG:
        return _Wrong(f"The {name} says that our clock is wrong.", remedy="Set this machine's clock.")
    return None
