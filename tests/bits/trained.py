"""`python -m tests.bits.trained SETTING NET ...`: the checksums of nets, as JSON."""

import json
import sys

from handgrad.engines.loops import partitioning
from tests.bits import emulated
from tests.bits.digests import digests_of
from tests.bits.settings import Setting
from tests.processors import compile_for


def cut_for(cores: int) -> None:
    """Whatever asks for the number of cores is told this one."""
    import handgrad.engines.compiled.engine
    import handgrad.engines.compiled.predictor  # noqa: F401

    for name, module in [*sys.modules.items()]:
        if name.startswith("handgrad.") and hasattr(module, "available_cores"):
            module.available_cores = lambda: cores  # type: ignore[attr-defined]


def cut_small() -> None:
    """Parts are as small as can be."""
    for name, value in {"NUMBERS": 4, "MULTIPLICATIONS": 8, "LINE": 2}.items():
        assert hasattr(partitioning, name)
        setattr(partitioning, name, value)


def main() -> None:
    setting, names = Setting(**json.loads(sys.argv[1])), sys.argv[2:]
    if setting.system:
        emulated.compile_for(emulated.SYSTEMS[setting.system])
    elif setting.processor:
        compile_for(setting.processor)
    if setting.cores:
        cut_for(setting.cores)
    if setting.small:
        cut_small()
    found = {name: digests_of(name, setting.way, setting.engine) for name in names}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
