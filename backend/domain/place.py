"""Where files may lie, as a URL: what it must look like, and its one spelling.

A path is never pasted into a URL: what means something there is written as `%25`, `%3F`, `%23`.
"""

import re
from pathlib import Path
from urllib.parse import unquote

#: Bucket names as S3 has them; a prefix is a path that means the same to every store and tool.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?")


def file_url(path: Path) -> str:
    """The URL of an absolute path; `path_of` gives the path back."""
    return f"file://{_quoted(path)}"


def sqlite_url(path: Path) -> str:
    """The URL of a database file, as SQLAlchemy reads it: what stands before a `?` is unquoted."""
    return f"sqlite:///{_quoted(path)}"


def path_of(url: str) -> Path:
    """The path that a `file://` URL names."""
    return Path(unquote(url.removeprefix("file://")))


def normalize_storage_url(url: str) -> str:
    """A storage URL in its one spelling: `file:///folder` or `s3://bucket/prefix`, without a slash behind.

    Raises:
        ValueError: it is neither; says what it must look like.
    """
    url = url.strip()
    if url.startswith("file:///"):
        return file_url(path_of(url))
    if not url.startswith("s3://"):
        raise ValueError("must be file:/// and an absolute path, or s3://bucket/prefix")
    bucket, prefix = split_bucket_url(url)
    if not _BUCKET.fullmatch(bucket) or not _PREFIX.fullmatch(prefix):
        raise ValueError(
            "must be s3://bucket/prefix: a bucket's name has 3 to 63 of a-z, 0-9, '.' and '-'; a prefix has "
            "letters, digits, '.', '_', '-' and single slashes; keys go into AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    return f"s3://{bucket}/{prefix}".rstrip("/")


def split_bucket_url(url: str) -> tuple[str, str]:
    """(bucket, prefix) of an `s3://` URL; the prefix without slashes around it."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return bucket, prefix.strip("/")


def _quoted(path: Path) -> str:
    """Only what would be read as something else: whoever looks at it knows the folder."""
    return re.sub("[%?#]", lambda found: f"%{ord(found[0]):02X}", str(path))
