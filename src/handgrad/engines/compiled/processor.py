"""The processor that this process runs on, as what loop programs are made for."""

from handgrad.engines.compiled.ir_helpers import rounds_once
from handgrad.engines.loops.target import MAX_PARTS, Target
from handgrad.graph.threads import available_cores


def this_processor() -> Target:
    """What a loop program may use here, as many cores as there are now."""
    return Target(rounds_once(), min(available_cores(), MAX_PARTS))
