"""The file that leads a browser to the playground: its token stands in no command line.

Everybody on a machine can read what a program was started with; Jupyter does the same.
"""

import atexit
import html
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path

from handgrad.learn.playground.document import TITLE
from handgrad.learn.playground.server import PlaygroundServer

PAGE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="1; url={address}">
<title>{title}</title>
<p><a href="{address}">{title}</a></p>
<script>location.replace({quoted});</script>
"""
FOLDERS = set[Path]()  # that are there


def address_file(server: PlaygroundServer) -> Path:
    """A file that only its owner can read, there as long as the server is."""
    folder = Path(tempfile.mkdtemp(prefix="handgrad-", dir=_seen_by_browsers()))  # mode 0700
    FOLDERS.add(folder)
    server.at_end.append(partial(_remove, folder))
    path = folder / "playground.html"
    path.touch(mode=0o600)
    address = html.escape(server.url)
    page = PAGE.format(address=address, title=TITLE, quoted=json.dumps(server.url))
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


def _remove(folder: Path) -> None:
    FOLDERS.discard(folder)
    shutil.rmtree(folder, ignore_errors=True)


@atexit.register  # at once, and so after the end of a script, at which its page may open
def _remove_all() -> None:
    for folder in [*FOLDERS]:
        _remove(folder)


def _seen_by_browsers() -> Path | None:
    """The folder for it: that of temporary files, but that a browser in a snap has one of its own.

    Of those of its user, a snap sees what is in the home folder and is not hidden.
    """
    home = Path.home()
    return home if (home / "snap").is_dir() else None
