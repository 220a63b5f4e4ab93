"""A store that speaks S3 over HTTP, as far as reading goes: objects, ranges of them, listings."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.waiting import HANG

KEY = "AKIATEST"
CHANGED = "Thu, 26 Nov 2026 12:00:00 GMT", "2026-11-26T12:00:00.000Z"


class Request(NamedTuple):
    """What was asked for, and how many bytes came back."""

    method: str
    path: str
    size: int


class S3Server:
    """Buckets of objects at 127.0.0.1; whoever signs with another key than `KEY` is refused.

    `requests` are those that were answered. Where it is `meeting`, whoever asks for an object
    waits until another does; where it is `silent`, it says nothing at all.
    """

    def __init__(self, *buckets: str) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {name: {} for name in buckets}
        self.requests: list[Request] = []
        self.silent, self.meeting = threading.Event(), threading.Event()
        self.at_once, self.others = 0, threading.Condition()
        self.over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            store = self

            def do_GET(self) -> None:
                answer(self, self.store)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.place = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def put(self, path: Path, key: str, bucket: str = "bucket") -> str:
        """Keep a copy of a file; its address."""
        self.buckets[bucket][key] = path.read_bytes()
        return self.address(f"{bucket}/{key}")

    def address(self, place: str) -> str:
        """The address of a bucket and a key."""
        return f"s3://{place}?endpoint_override={self.place}&scheme=http"


def wait_for_another(store: S3Server) -> None:
    """Until two requests are here at the same time; then nobody is waited for any more."""
    with store.others:
        store.at_once += 1
        if store.at_once > 1:
            store.meeting.clear()
            store.others.notify_all()
        store.others.wait_for(lambda: not store.meeting.is_set(), HANG)
        store.at_once -= 1


def answer(request: BaseHTTPRequestHandler, store: S3Server) -> None:
    """Answer one request."""
    if store.silent.is_set():
        store.over.wait()
        return
    asked = urlsplit(request.path)
    bucket, _, key = unquote(asked.path).lstrip("/").partition("/")
    query = {name: values[0] for name, values in parse_qs(asked.query).items()}
    if key and store.meeting.is_set():
        wait_for_another(store)
    if f"Credential={KEY}/" not in request.headers.get("Authorization", ""):
        status, body, headers = failed(403, "AccessDenied")
    elif bucket not in store.buckets:
        status, body, headers = failed(404, "NoSuchBucket")
    elif not key:
        status, body, headers = 200, listing(store.buckets[bucket], bucket, query), {}
    elif key not in store.buckets[bucket]:
        status, body, headers = failed(404, "NoSuchKey")
    else:
        status, body, headers = content(store.buckets[bucket][key], request.headers.get("Range"))
    request.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        request.send_header(name, value)
    request.end_headers()
    if request.command == "HEAD":
        body = b""
    store.requests.append(Request(request.command, request.path, len(body)))
    request.wfile.write(body)


Answer = tuple[int, bytes, dict[str, str]]


def failed(status: int, code: str) -> Answer:
    text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return status, text.encode(), {"Content-Type": "application/xml"}


def content(whole: bytes, asked: str | None) -> Answer:
    """An object, or a range of its bytes."""
    headers = {"Last-Modified": CHANGED[0], "ETag": f'"{hash(whole):x}"'}
    if asked is None:
        return 200, whole, headers
    begin, _, last = asked.removeprefix("bytes=").partition("-")
    part = whole[int(begin) : int(last) + 1]
    there = f"bytes {begin}-{int(begin) + len(part) - 1}/{len(whole)}"
    return 206, part, headers | {"Content-Range": there}


def listing(objects: dict[str, bytes], bucket: str, query: dict[str, str]) -> bytes:
    """What is in a folder: its objects and its folders."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    found, folders = list[str](), dict[str, None]()
    for key in sorted(key for key in objects if key.startswith(prefix)):
        inside = key[len(prefix) :]
        if delimiter and delimiter in inside:
            folders[prefix + inside.partition(delimiter)[0] + delimiter] = None
        else:
            found.append(key)
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(objects[key])}</Size>"
        f"<LastModified>{CHANGED[1]}</LastModified></Contents>"
        for key in found
    )
    entries += "".join(
        f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders
    )
    return (
        '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>'
        f"<Name>{bucket}</Name><KeyCount>{len(found) + len(folders)}</KeyCount>{entries}"
        "</ListBucketResult>"
    ).encode()
