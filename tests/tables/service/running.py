"""A service in a process of its own, as `handgrad serve` starts it, and requests to it."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Running:
    """A service that answers at a URL."""

    url: str
    process: subprocess.Popen[str]

    def connection(self, seconds: float = 60.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=seconds)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and answer of a request; a body other than bytes is sent as JSON."""
        body = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = self.connection()
        try:
            connection.request(method, path, body, JSON if headers is None else headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(content) if is_json else content.decode()

    def predict(self, body: Any) -> tuple[int, Any]:
        return self.ask("POST", "/predict", body)

    def memory(self) -> int:
        """Resident memory, in bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


@contextmanager
def running(model: Path) -> Iterator[Running]:
    """Serve a model until the end of the context, then stop it as Ctrl-C does."""
    words = ("serve", model, "--port", "0", "--json")
    command = [sys.executable, "-m", "handgrad", *map(str, words)]
    errors = model.with_name("serve.log")
    with (
        errors.open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        lines = [*takewhile(lambda line: line != "}\n", process.stdout)]
        assert lines, errors.read_text("utf-8")
        try:
            yield Running(json.loads("".join([*lines, "}"]))["url"], process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
