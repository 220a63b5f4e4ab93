"""Server of a class, for the computers of a room."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from handgrad.files.html import require_templates
from handgrad.files.paths import as_path
from handgrad.learn.bounded_server import (
    Answer,
    BoundedHandler,
    BoundedServer,
    RefusedError,
    Request,
    parts_of,
)
from handgrad.learn.classroom.hand_in_log import HandInLog
from handgrad.learn.classroom.marking import Marking
from handgrad.learn.classroom.pages import HAND_IN, ClassPages, for_class, playground_page
from handgrad.learn.classroom.site_files import kind_of_file, pieces, site_file
from handgrad.learn.exercises.hand_ins import MOST_FORMULA, HandIn, plain_name
from handgrad.learn.exercises.marks import Grader, Source
from handgrad.textbook.errors import (
    DataError,
    FileError,
    HandgradError,
    SettingError,
    checked_language,
)
from handgrad.textbook.language import ERRORS

HTML = "text/html; charset=utf-8"
MOST_DRAINED = 8 * 2**20  # bytes of a refused body, read so that the refusal arrives
FILES_OPEN = 2048
# Pages may run what they bring along, and reach this server alone.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


class ClassServer(BoundedServer):
    """HTTP server of a class; `class_server` makes one.

    Parameters
    ----------
    site : Path or None
        Folder of the site, resolved.
    log : HandInLog
        Keeps what is handed in.
    grader : Grader
        Knows and grades the exercises.
    seed : int or None
        Seed of the exercises in the list.
    host, port : str, int
        Address to listen at.
    tell : callable
        Called with a sentence if marks cannot be written.
    """

    most_at_once = 512  # a browser has six, and there may be eighty
    request_queue_size = 512
    policy = POLICY

    def __init__(
        self,
        site: Path | None,
        log: HandInLog,
        grader: Grader,
        seed: int | None,
        host: str,
        port: int,
        tell: Callable[[str], object],
    ) -> None:
        self.site, self.log, self.grader = site, log, grader
        self.has_site = site is not None and (site / "index.html").is_file()
        self.pages = ClassPages(grader, seed, has_site=self.has_site)
        self.pages.index("en")  # what is wrong with an exercise is an error now
        super().__init__(host, port, _ClassHandler)
        self.marking = Marking(log, grader, tell)
        self.at_end += [self.marking.close, log.close]

    @property
    def urls(self) -> list[str]:
        """Addresses of this server for the computers of the room."""
        host = self.server_name
        hosts = _own_addresses() if host in ("0.0.0.0", "") else [host]
        return [f"http://{one}:{self.server_port}" for one in hosts]


def class_server(
    folder: Source | None = None,
    to: Source = "hand-ins",
    port: int = 8000,
    host: str = "0.0.0.0",
    exercises: Iterable[Source] = (),
    seed: int | None = None,
    language: str | None = None,
    tell: Callable[[str], object] = print,
) -> ClassServer:
    """Make the server of a class; `serve_forever()` runs it.

    Parameters
    ----------
    folder : str or Path, optional
        Folder of the site, as `make site` writes it; without one there are only the exercises and
        the playground.
    to : str or Path, default "hand-ins"
        Folder for `handed-in.jsonl` and `marks.csv`.
    port : int, default 8000
        Port to listen at; 0 is any free one.
    host : str, default "0.0.0.0"
        Address to listen at: by default all of this computer.
    exercises : iterable of str or Path, optional
        TOML files of exercises of your own.
    seed : int, optional
        Other numbers and names in the exercises of the list.
    language : {"en", "zh"}, optional
        Language of the remarks in `marks.csv`; that of texts by default, see `hg.defaults`.
    tell : callable, default print
        Called with a sentence if `marks.csv` cannot be written.

    Returns
    -------
    ClassServer
        The server, which listens.

    Raises
    ------
    FileError
        If a folder or an exercise cannot be read or written.
    SettingError
        If the port cannot be used, or the hand-ins would be within the site.
    """
    require_templates("handgrad class")
    _raise_file_limit()
    into, site = as_path(to), None
    if folder is not None:
        site = as_path(folder)
        if not site.is_dir():
            raise FileError(
                f"{site}: no folder", "the folder of a site", "build/site, after make site"
            )
        site = site.resolve()
        if into.resolve().is_relative_to(site):
            raise SettingError(
                f"hand-ins in {into}, within the site",
                "a folder that is not served",
                "--to, with another folder",
            )
    grader = Grader(exercises, checked_language(language))
    log = HandInLog(into)
    try:
        return ClassServer(site, log, grader, seed, host, port, tell)
    except BaseException:
        log.close()
        raise


class _ClassHandler(BoundedHandler):
    """Handler of one request per connection."""

    server: ClassServer
    most_bytes = 64 * 2**10

    def do_GET(self) -> None:  # noqa: N802
        """Send a page or a file."""
        with self.refusing():
            self.send(self._page(self.asked().path))

    def do_POST(self) -> None:  # noqa: N802
        """Take a hand-in from a page of this server."""
        with self.refusing():
            origin, host = self.headers.get("Origin"), self.headers.get("Host", "")
            if self.asked().path != HAND_IN:
                raise RefusedError(HTTPStatus.NOT_FOUND)
            if origin is not None and origin != f"http://{host}":
                raise RefusedError(HTTPStatus.FORBIDDEN)
            kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            sent = Request(self.body(), {}).json()
            try:
                one = self._hand_in(sent)
            except HandgradError as error:
                self._fail(HTTPStatus.UNPROCESSABLE_ENTITY, _parts_for(sent, error))
                return
            try:
                self.server.log.append(one)
            except FileError as error:  # the page sends it again
                self.server.marking.tell(f"{error.came}; expected {error.expected}")
                raise RefusedError(HTTPStatus.INSUFFICIENT_STORAGE) from error
            self.server.marking.due()
            self.send(Answer(json.dumps({"time": one.time}).encode()))
        self._drain()

    def _page(self, path: str) -> Answer:
        own = re.fullmatch(r"/class(?:/(?:(en|zh)/)?([^/]*))?", path)
        if own is None or (own[1] is None and own[2] not in (None, "", "playground.html")):
            if path == "/" and not self.server.has_site:
                raise _moved("/class/")
            return self._file(path)
        language, name = own[1], own[2]
        if language is None and name == "playground.html":
            return Answer(playground_page(), HTML)
        if language is None:
            is_chinese = self.headers.get("Accept-Language", "").lower().startswith("zh")
            raise _moved(f"/class/{'zh' if is_chinese else 'en'}/")
        if not name:
            return Answer(self.server.pages.index(language), HTML)
        try:
            return Answer(self.server.pages.exercise(name.removesuffix(".html"), language), HTML)
        except HandgradError as error:
            raise RefusedError(HTTPStatus.NOT_FOUND) from error

    def _file(self, path: str) -> Answer:
        file = site_file(self.server.site, path) if self.server.site else None
        if file is None:
            raise RefusedError(HTTPStatus.NOT_FOUND)
        if file.name == "index.html" and not path.endswith(("/", "index.html")):
            raise _moved(f"{path}/")  # links in it are relative to the folder
        kind = kind_of_file(file)
        return Answer(for_class(file.read_bytes()) if kind == HTML else pieces(file), kind)

    def _hand_in(self, sent: Mapping[str, object]) -> HandIn:
        texts = [sent.get(key) for key in ("name", "exercise", "who", "id")]
        answers = sent.get("answers")
        if not isinstance(answers, dict) or not all(
            isinstance(text, str) for text in (*texts, *answers.values())
        ):
            raise DataError("a hand-in with other fields", "that of the page", "reload the page")
        name, exercise, who, number = map(str, texts)
        if not all(re.fullmatch("[0-9a-f]{32}", text) for text in (who, number)):
            raise DataError("a hand-in without its numbers", "those of the page", "reload the page")
        if not (name := plain_name(name)):
            raise DataError("no name", "the name of who hands in", "write it")
        known = self.server.grader.exercise(exercise)
        for hole, formula in answers.items():
            if hole not in known.holes:
                raise DataError(
                    f"an answer for {hole[:20]!r}", ", ".join(known.holes), "one of them"
                )
            if len(formula) > MOST_FORMULA:
                came = f"an answer of {len(formula):,} characters"
                raise DataError(came, f"at most {MOST_FORMULA:,}", "a shorter formula")
        at = datetime.now().astimezone().isoformat("T", "seconds")
        return HandIn(name, known.id, answers, at, who, number)

    def _drain(self) -> None:
        """Read what is left of a refused body, as a reset connection would hide the refusal."""
        self.incoming.end = time.monotonic() + self.timeout
        with suppress(OSError, ValueError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            left = MOST_DRAINED
            while left > 0 and (piece := self.rfile.read1(2**16)):
                left -= len(piece)


def _parts_for(sent: Mapping[str, object], error: HandgradError) -> dict[str, str]:
    """The parts of an error, in the language of the page that sent a hand-in."""
    parts = parts_of(error)
    if sent.get("language") != "zh":
        return parts
    return {name: ERRORS.in_chinese(text) for name, text in parts.items()}


def _moved(path: str) -> RefusedError:
    return RefusedError(HTTPStatus.FOUND, {"Location": path})


def _raise_file_limit() -> None:
    """Allow as many open files as there may be connections; macOS has 256 by default."""
    if sys.platform != "win32":
        import resource

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        enough = FILES_OPEN if most == resource.RLIM_INFINITY else min(FILES_OPEN, most)
        if now != resource.RLIM_INFINITY and now < enough:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (enough, most))


def _own_addresses() -> list[str]:
    """IPv4 addresses of this computer, that of its network first; nothing is sent."""
    known = list[str]()
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("10.255.255.255", 1))  # a datagram socket only chooses its own address
        known.append(probe.getsockname()[0])
    with suppress(OSError):
        known += socket.gethostbyname_ex(socket.gethostname())[2]
    others = [one for one in dict.fromkeys(known) if not one.startswith("127.")]
    return others or ["127.0.0.1"]
