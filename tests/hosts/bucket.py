"""A bucket server as a host of its own, and installations whose files lie there."""

import contextlib
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.installation import Installation, Process, answers
from tests.waiting import eventually

NAME, PREFIX, PORT = "takes", "installation", 9000
KEY, SECRET, REGION = "AKIAIOSFODNN7EXAMPLE", "secret-of-the-bucket-that-no-log-may-show", "us-east-1"


def start(folder: Path, address: str, before: tuple[str, ...]) -> tuple[Installation, dict[str, Any]]:
    """Moto over HTTP at this address, with an empty bucket; its host, and the settings that use it."""
    host = Installation(folder, "", HOST=address)
    host.before = before
    url = f"http://{address}:{PORT}"
    settings = {
        "STORAGE_URL": f"s3://{NAME}/{PREFIX}",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
    }
    process: Process = host.run(
        "bucket", "-m", "moto.server", "-H", address, "-p", str(PORT), PYTHONWARNINGS="ignore"
    )
    eventually(lambda: answers(f"{url}/moto-api/"), process=process)
    client(url).create_bucket(Bucket=NAME)
    return host, settings


def client(url: str) -> Any:
    """The library's own client, to look at the bucket past the program."""
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2})
    return boto3.session.Session().client(
        "s3", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
        config=config,
    )  # fmt: skip


class BucketInstallation(Installation):
    """An installation whose whole files are objects."""

    def file(self, key: str) -> bytes | None:
        with contextlib.suppress(ClientError):
            found = self._client().get_object(Bucket=NAME, Key=f"{PREFIX}/{key}")
            content: bytes = found["Body"].read()
            return content
        return None

    def file_names(self) -> list[str]:
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix=f"{PREFIX}/")
        keys = [item["Key"].removeprefix(f"{PREFIX}/") for page in pages for item in page.get("Contents", ())]
        return [key for key in keys if "/" not in key]

    def _client(self) -> Any:
        return client(str(self.settings["AWS_ENDPOINT_URL"]))
