"""A bucket server for tests: moto as a process of its own, one for a run; a bucket for each test."""

import atexit
import base64
import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config

from tests.ports import reserve_port
from tests.proxy import Proxy
from tests.waiting import eventually

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "secret-of-the-bucket-that-no-log-may-show"
REGION = "us-east-1"
#: Objects on one page of a listing; S3 has 1000.
PAGE = 50
#: The least of a part that it takes, but of the last; S3 takes `S3_PART_BYTES`.
PART_BYTES, S3_PART_BYTES = 64 * 1024, 5 * 1024**2
_numbers = itertools.count(1)


class Server:
    """Moto over HTTP. It believes every key until `strict`. before: what starts it, as `setpriv` does."""

    def __init__(self, address: str = "127.0.0.1", port: int | None = None, *before: str) -> None:
        self.port = port or reserve_port()
        self.url = f"http://{address}:{self.port}"
        command = [*before, sys.executable, "-m", "moto.server", "-H", address, "-p", str(self.port)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        env = {**os.environ, "PYTHONWARNINGS": "ignore", "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
        env["S3_UPLOAD_PART_MIN_SIZE"] = str(PART_BYTES)
        env["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"  # whatever name it is reached by
        self.process = subprocess.Popen(command, **quiet, env=env, start_new_session=True)
        eventually(self._answers)

    @cache  # noqa: B019 - the one server of this run; a client takes long to make
    def client(self, service: str = "s3") -> Any:
        """The library's own client, to look at the bucket from outside."""
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        return boto3.session.Session().client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=KEY,
            aws_secret_access_key=SECRET, config=config,
        )  # fmt: skip

    def new_bucket(self) -> str:
        name = f"takes-{os.getpid()}-{next(_numbers)}"
        self.client().create_bucket(Bucket=name)
        return name

    def env(self) -> dict[str, str]:
        """How an installation reaches it."""
        named = {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION}
        return {**named, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    @contextmanager
    def strict(self) -> Iterator[None]:
        """In here keys are checked, and so are rights."""
        self._post("/moto-api/reset-auth", b"0")
        try:
            yield
        finally:
            self._post("/moto-api/reset-auth", b"inf")

    def user(self, name: str, *actions: str) -> tuple[str, str]:
        """A user who may do these things; returns key and secret."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if actions:
            allow = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
            policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
            iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def _post(self, path: str, data: bytes) -> None:
        asked = Request(f"{self.url}{path}", data, {"Content-Type": "application/octet-stream"})
        with urlopen(asked, timeout=10) as answer:
            assert answer.status == 200

    def _answers(self) -> bool:
        assert self.process.poll() is None, "moto ended"
        with suppress(OSError), urlopen(f"{self.url}/moto-api/", timeout=2):
            return True
        return False


def refusal(status: int, code: str, message: str) -> bytes:
    """A no, as stores say it."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


class Store(Proxy):
    """The server as one of the stores that speak S3, each of which knows more or less of it.

    It compares bytes with the checksum that goes along, which moto does not. refuses: how headers begin that
    it does not take, and what it says then; ignores: how headers begin that it takes no notice of; mangles:
    it keeps other bytes than it was sent.
    """

    def __init__(self, port: int) -> None:
        self.refuses, self.ignores, self.mangles = dict[str, bytes](), tuple[str, ...](), False
        super().__init__(port)

    def forget(self) -> None:
        super().forget()
        self.refuses, self.ignores, self.mangles = {}, (), False

    def passed_on(self, line: bytes, headers: list[bytes], body: bytes) -> tuple[list[bytes], bytes] | bytes:
        headers = [one for one in headers if not one.decode("latin-1").lower().startswith(self.ignores)]
        given = dict(one.decode("latin-1").lower().partition(": ")[::2] for one in headers)
        for start, says in self.refuses.items():
            if any(name.startswith(start) for name in given):
                return says
        told = next(
            (one.split(b": ")[1] for one in headers if one.startswith(b"x-amz-checksum-sha256")), None
        )
        if told not in (None, base64.b64encode(hashlib.sha256(body).digest())):
            return refusal(400, "BadDigest", "The SHA256 you specified did not match what we received.")
        return headers, _other(body) if self.mangles and line.startswith(b"PUT ") else body


def _other(body: bytes) -> bytes:
    """Other bytes than these, of the same length, whatever they are: what is checked ends at random."""
    return body[:-1] + bytes([body[-1] ^ 1])


@cache
def server() -> Server:
    """The one server of this run, started when it is first asked for."""
    started = Server()
    atexit.register(started.close)
    return started
