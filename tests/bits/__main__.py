"""`python -m tests.bits`: train nets in every setting, and compare the bits they come to.

`--share 1/2` takes a share of the nets; `--only 'net *'` those of some names; `--system Windows`
the settings of that system.
"""

import argparse
import sys
import tempfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from handgrad.graph.threads import available_cores
from tests.bits.emulated import SYSTEMS
from tests.bits.estimators import ESTIMATORS
from tests.bits.nets import CASES
from tests.bits.settings import EMULATED, HERE, SETTINGS, Setting

Found = dict[str, dict[str, str]]
AT_ONCE = 21  # nets that one process trains


def differences(names: Sequence[str], settings: Sequence[Setting], cache: Path) -> list[str]:
    """Where the nets of these names come to other bits than here, a line each."""
    expected = {
        engine: replace(HERE, engine=engine).digests(names, cache)
        for engine in {setting.engine for setting in settings}
    }
    lines = []
    for setting in settings:
        for name, found in setting.digests(names, cache).items():
            odd = [
                what for what, told in found.items() if told != expected[setting.engine][name][what]
            ]
            if odd:
                lines.append(f"{setting.name}: {name}: {', '.join(odd)}")
    return lines


def chosen(share: str, pattern: str) -> list[str]:
    """The nets of a share; a net is in the same one on every machine."""
    k, n = map(int, share.split("/"))
    return [
        name
        for name in (*CASES, *ESTIMATORS)
        if fnmatch(name, pattern) and zlib.crc32(name.encode()) % n == k - 1
    ]


def main() -> int:
    """Compare, and say of how many nets and settings; 1 if any bit differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bits", description=__doc__)
    parser.add_argument("--share", default="1/1", metavar="K/N")
    parser.add_argument("--only", default="*", metavar="PATTERN")
    parser.add_argument("--system", choices=[*SYSTEMS])
    given = parser.parse_args()
    names = chosen(given.share, given.only)
    count = -(-len(names) // AT_ONCE)
    groups = [names[i::count] for i in range(count)]
    wanted = [s for s in SETTINGS if given.system in (None, s.system)]
    lacking = {name: missing for name, system in SYSTEMS.items() if (missing := system.lacking())}
    for name in sorted(lacking.keys() & {setting.system for setting in wanted}):
        print(f"not on {name}, for want of {', '.join(lacking[name])}")
    settings = [setting for setting in wanted if setting.system not in lacking]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(available_cores()) as pool:
        cache = Path(folder)
        found = pool.map(lambda group: differences(group, settings, cache), groups)
        lines = [line for group in found for line in group]
    emulated = sorted({setting.system for setting in settings if setting.system})
    few = f"{' and '.join(emulated) or 'none emulated'}: {len({*names} & {*EMULATED})} nets"
    here = len({setting.engine for setting in settings})
    told = f"{len(names)} nets, {len(settings) + here} settings, of them {few}"
    print(*lines, f"{told}: {len(lines) or 'none'} different", sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
