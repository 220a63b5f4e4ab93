"""A server of a class in a process of its own, which can be killed, and people who hand in."""

import json
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from handgrad.learn.exercises.hand_ins import HandIn, of_record
from tests.waiting import HANG


def number() -> str:
    """A number as a page draws it."""
    return secrets.token_hex(16)


def hand_in(name: str = "Ada", exercise: str = "tanh", **fields: object) -> dict[str, object]:
    """What the page of an exercise sends."""
    answers = {"dx": "(1 - y**2) * dy"}
    own = {"id": number(), "who": number(), "name": name, "exercise": exercise, "answers": answers}
    return own | fields


def ask(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=HANG)
    try:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def send(port: int, sent: object) -> int:
    """Hand in once; the status."""
    body = json.dumps(sent).encode()
    return ask(port, "POST", "/class/hand-in", body, Content_Type="application/json")[0]


def sent_at_last(port: int, sent: object) -> bool:
    """Hand in once; false where the server does not answer, as the page sees it."""
    try:
        return send(port, sent) == 200
    except (OSError, HTTPException):
        return False


def records(folder: Path) -> list[HandIn]:
    """All hand-ins of the file, those replaced by later ones too."""
    lines = (folder / "handed-in.jsonl").read_bytes().splitlines(keepends=True)
    return [one for line in lines if (one := of_record(line))]


@dataclass
class Room:
    """A server of a class, `handgrad class`, in a process."""

    folder: Path
    port: int = 0
    words: tuple[str, ...] = ()
    process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    def start(self) -> None:
        own = [sys.executable, "-m", "handgrad", "class", "--to", str(self.folder)]
        own += ["--host", "127.0.0.1", "--port", str(self.port), *self.words]
        self.process = subprocess.Popen(own, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://[\d.]+:(\d+)", line):
                self.port = int(found[1])
            if "Ctrl-C" in line:
                return
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """Kill the process, as a power cut would, and start it again at the same port."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()
        self.start()

    def stop(self) -> int:
        """Stop it by Ctrl-C; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=HANG)
        return self.process.returncode


@contextmanager
def room(folder: Path, *words: str) -> Iterator[Room]:
    """A class that is over at the end."""
    one = Room(folder, words=words)
    one.start()
    try:
        yield one
    finally:
        if one.process is not None:
            one.process.kill()
            one.process.communicate()
