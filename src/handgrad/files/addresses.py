"""Addresses of files: a scheme and a place on its filesystem, such as s3://bucket/a.csv."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from handgrad.textbook.errors import FileError

SCHEME, QUERY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://"), re.compile(r"\?(?=\w+=)")
SECRETS = re.compile(r"secret|password|token|key|sas|sig", re.IGNORECASE)
SECONDS = 20  # until Google's storage is given up
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS; gs://anonymous@bucket/… for a public one",
    "hdfs": "kinit, or hdfs://USER@HOST:PORT/…",
    "abfs": "az login, or AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET",
}


def is_address(source: object) -> bool:
    """Whether a text is an address, with a scheme, rather than a path."""
    return isinstance(source, str) and SCHEME.match(source) is not None


def meant_as_address(path: str | Path) -> bool:
    """Whether it is an address, or a path that was made of one, and has one / too few."""
    return is_address(str(path).replace(":/", "://", 1))


def without_query(source: str) -> str:
    """An address without what stands after its ?; a path as it is."""
    return QUERY.split(source, 1)[0] if is_address(source) else source


def root_of(address: str, parameters: str) -> tuple[str, str]:
    """The address of the filesystem, and the path on it as it stands there."""
    scheme, _, rest = address.partition("://")
    place, _, inside = rest.partition("/")
    scheme, query = scheme.lower(), dict(parse_qsl(parameters, keep_blank_values=True))
    secret = ":" in place.rpartition("@")[0] or (scheme == "s3" and "@" in place)
    if secret or any(map(SECRETS.search, query)):
        raise FileError(
            f"{scheme}://…: an address with a secret in it",
            "one without: it stands in messages, and in the folders of runs",
            CREDENTIALS.get(scheme, "credentials that are found where this runs"),
        )
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme == "s3" and endpoint and "endpoint_override" not in query:
        there = urlsplit(endpoint)
        query |= {"endpoint_override": there.netloc, "scheme": there.scheme}
    if scheme in ("gs", "gcs"):
        query.setdefault("retry_limit_seconds", str(SECONDS))
    return f"{scheme}://{place}/{f'?{urlencode(query)}' if query else ''}", inside
