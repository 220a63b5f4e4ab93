"""`python -m tests.chains`: layers in a row, behind every front, in every engine.

`--share 1/64` takes a share of the nets; `--only 'Conv1d MeanOverTime *'` those of some names.
"""

import argparse
import sys

from tests.chains.chains import chosen, told
from tests.chains.side_by_side import tried


def main() -> int:
    """Try the nets that were asked for; 1 if an engine answers otherwise than the eager one."""
    parser = argparse.ArgumentParser(prog="python -m tests.chains", description=__doc__)
    parser.add_argument("--share", default="1/1", metavar="K/N")
    parser.add_argument("--only", default="*", metavar="PATTERN")
    given = parser.parse_args()
    chains = chosen(given.share, given.only)
    count, odd = tried(told, iter(chains), f" of {len(chains)}")
    print(f"share {given.share}, {count} nets: {odd or 'none'} wrong")
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main())
