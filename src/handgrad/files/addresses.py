"""Addresses of files: a scheme and a path on its file system, such as s3://bucket/a.csv."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from handgrad.textbook.errors import FileError

SCHEME, QUERY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://"), re.compile(r"\?(?=\w+=)")
SECRETS = re.compile(r"secret|password|token|key|sas|sig", re.IGNORECASE)
SECONDS = 20  # timeout for Google's storage
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS; gs://anonymous@bucket/… for a public one",
    "hdfs": "kinit, or hdfs://USER@HOST:PORT/…",
    "abfs": "az login, or AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
}


def is_address(source: object) -> bool:
    """Check for an address with a scheme, as opposed to a path."""
    return isinstance(source, str) and SCHEME.match(source) is not None


def meant_as_address(path: str | Path) -> bool:
    """Check for an address, or a Path made of one, which has lost a slash."""
    return is_address(str(path).replace(":/", "://", 1))


def without_query(source: str) -> str:
    """Remove the query of an address; a path stays."""
    return QUERY.split(source, 1)[0] if is_address(source) else source


def root_of(address: str, parameters: str) -> tuple[str, str]:
    """Split an address into that of the file system and the path on it."""
    scheme, _, rest = address.partition("://")
    place, _, inside = rest.partition("/")
    scheme, query = scheme.lower(), dict(parse_qsl(parameters, keep_blank_values=True))
    secret = ":" in place.rpartition("@")[0] or (scheme == "s3" and "@" in place)
    if secret or any(map(SECRETS.search, query)):
        raise FileError(
            f"{scheme}://…: an address with a secret",
            "an address without one: it appears in messages and in folders of runs",
            CREDENTIALS.get(scheme, "credentials in the environment"),
        )
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme == "s3" and endpoint and "endpoint_override" not in query:
        there = urlsplit(endpoint)
        query |= {"endpoint_override": there.netloc, "scheme": there.scheme}
    if scheme in ("gs", "gcs"):
        query.setdefault("retry_limit_seconds", str(SECONDS))
    return f"{scheme}://{place}/{f'?{urlencode(query)}' if query else ''}", inside
