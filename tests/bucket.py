"""A bucket server for tests: moto as a process of its own, one for a run; a bucket for each test."""

import atexit
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config

from tests.ports import reserve_port

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "secret-of-the-bucket-that-no-log-may-show"
REGION = "us-east-1"
#: Objects on one page of a listing; S3 has 1000.
PAGE = 50
_numbers = itertools.count(1)


class Server:
    """Moto over HTTP on loopback. It believes every key until `strict`."""

    def __init__(self) -> None:
        self.port = reserve_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        env = {**os.environ, "PYTHONWARNINGS": "ignore", "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
        self.process = subprocess.Popen(command, **quiet, env=env, start_new_session=True)
        self._wait()

    def client(self, service: str = "s3", *, key: str = KEY, secret: str = SECRET) -> Any:
        """The library's own client, to look at the bucket from outside."""
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        return boto3.session.Session().client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=key,
            aws_secret_access_key=secret, config=config,
        )  # fmt: skip

    def new_bucket(self) -> str:
        name = f"takes-{os.getpid()}-{next(_numbers)}"
        self.client().create_bucket(Bucket=name)
        return name

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

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def _post(self, path: str, data: bytes) -> None:
        asked = Request(f"{self.url}{path}", data, {"Content-Type": "application/octet-stream"})
        with urlopen(asked, timeout=10) as answer:
            assert answer.status == 200

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), urlopen(f"{self.url}/moto-api/", timeout=2):
                return
            assert self.process.poll() is None, "moto ended"
            time.sleep(0.1)
        raise AssertionError("moto did not start")


_started: list[Server] = []


def server() -> Server:
    """The one server of this run, started when it is first asked for."""
    if not _started:
        _started.append(Server())
        atexit.register(close)
    return _started[0]


def close() -> None:
    while _started:
        _started.pop().close()
