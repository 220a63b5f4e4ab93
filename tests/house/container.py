"""Trial of the container image: what `.ci/container` asks of it.

`python -m tests.house.container model FILE` writes a model, `command IMAGE.json ROOT` prints the
command by which the image starts as its user, and `try FILE` asks the running service.
"""

import json
import shlex
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg

ADDRESS = "http://127.0.0.1:8000"
LONGEST = 120.0  # seconds until the service answers


def rows(count: int) -> dict[str, list[Any]]:
    """Columns of numbers and of texts."""
    rng = np.random.default_rng(0)
    ages, towns = rng.integers(18, 80, count), rng.choice(["Ulm", "Bonn"], count)
    return {"age": ages.tolist(), "town": towns.tolist()}


def write_model(path: Path) -> None:
    """Train a classifier of such rows, and save it."""
    table = rows(300)
    left = [
        "yes" if age > 40 and town == "Ulm" else "no"
        for age, town in zip(table["age"], table["town"], strict=True)
    ]
    hg.save(hg.TabularClassifier(epochs=20, random_state=0).fit(table, left), path)
    path.chmod(0o644)


def command_of(description: Path, root: str) -> str:
    """The command of a shell that starts an image as its user; a user of root is refused."""
    config = json.loads(description.read_text("utf-8"))["OCIv1"]["config"]
    user = config["User"]
    if user.split(":")[0] in ("", "0", "root"):
        raise SystemExit(f"the image's user is {user!r}, not one without rights")
    words = [*config["Entrypoint"], *config["Cmd"]]
    setting = ["env", "-i", *config["Env"], *words]
    return f"exec chroot --userspec={shlex.quote(user)} {shlex.quote(root)} {shlex.join(setting)}"


def ask(path: str, body: object = None) -> dict[str, Any]:
    """The service's answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ADDRESS + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: dict[str, Any] = json.load(answer)
    return content


def await_health() -> None:
    """Return once the service is healthy."""
    end = time.monotonic() + LONGEST
    while True:
        try:
            assert ask("/health")["status"] == "ok"
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def check_service(path: Path) -> None:
    """The service predicts as the model does here."""
    begin = time.monotonic()
    await_health()
    table = rows(50)
    cells = [{"age": age, "town": town} for age, town in zip(*table.values(), strict=True)]
    answer = ask("/predict", {"rows": cells, "probabilities": True})["rows"]
    model = hg.load(path)
    assert [row["prediction"] for row in answer] == model.predict(table).tolist()
    yes = [row["probability_yes"] for row in answer]
    np.testing.assert_allclose(yes, model.predict_proba(table)[:, 1], atol=1e-5)
    print(f"healthy after {time.monotonic() - begin:.1f} s; {len(answer)} rows predicted alike")


def main(arguments: list[str]) -> None:
    """Do what is asked."""
    match arguments:
        case ["model", path]:
            write_model(Path(path))
        case ["command", description, root]:
            print(command_of(Path(description), root))
        case ["try", path]:
            check_service(Path(path))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
