"""Which modules' examples are run: those that stand on Ray alone are left out where it is not."""

import re
from importlib.util import find_spec
from pathlib import Path

MODULES = Path(__file__).parent.rglob("*.py")
NEED_RAY = [
    str(path)
    for path in MODULES
    if re.search(r"^(import|from) ray\b", path.read_text("utf-8"), re.M)
]
collect_ignore = [] if find_spec("ray") else NEED_RAY
