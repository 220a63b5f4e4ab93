"""The server of `handgrad serve`: uvicorn on one port, until it is stopped."""

from __future__ import annotations

import copy
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware
from uvicorn.config import LOGGING_CONFIG

from handgrad.files.paths import reason
from handgrad.tables.service.application import ServiceLimits, application
from handgrad.textbook.errors import SettingError

MOST_CONNECTIONS = 256
LONGEST_HEADER = 16_384  # bytes
OF_THIS_MACHINE = ("localhost", "127.0.0.1")


def serve(
    model: Path,
    host: str = OF_THIS_MACHINE[1],
    port: int = 8000,
    limits: ServiceLimits | None = None,
    when_ready: Callable[[str], None] = print,
) -> None:
    """Serve a model over HTTP until the process is interrupted.

    Parameters
    ----------
    model : Path
        Model of tables, written by `handgrad train`.
    host : str, default "127.0.0.1"
        Address to listen at; 0.0.0.0 is every address of this machine.
    port : int, default 8000
        Port to listen at; 0 is any free one.
    limits : ServiceLimits, optional
        Bounds on requests.
    when_ready : callable, default print
        Called with the URL when requests are answered.

    Raises
    ------
    HandgradError
        If the file is no model of tables, or the port cannot be used.
    """
    app = application(model, limits)
    if _is_of_this_machine(host):
        # A page of another site may resolve its own name to this machine.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*OF_THIS_MACHINE, host])
    with _listening(host, port) as listener:
        config = uvicorn.Config(
            app,
            log_config=_to_standard_error(),
            limit_concurrency=MOST_CONNECTIONS,
            h11_max_incomplete_event_size=LONGEST_HEADER,
            timeout_graceful_shutdown=10,
            server_header=False,
            lifespan="off",
            http="h11",
            ws="none",
        )
        address, number = listener.getsockname()[:2]
        when_ready(f"http://{f'[{address}]' if ':' in address else address}:{number}")
        uvicorn.Server(config).run([listener])


def _is_of_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"{host} port {port}: {reason(error)}",
            "an address of this machine, and a free port from 1024 to 65535",
            "--port 0 for any free port",
        ) from error


def _to_standard_error() -> dict[str, object]:
    """Uvicorn's logging, with the requests on standard error too."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    config["loggers"]["handgrad.service"] = {"handlers": ["default"], "level": "INFO"}
    return config
