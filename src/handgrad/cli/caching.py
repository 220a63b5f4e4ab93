"""`handgrad cache`: the machine code that is kept."""

from handgrad.cli.output import Output
from handgrad.engines.compiled import cache


def run_cache(output: Output, *, clear: bool) -> None:
    """Tell how much there is, and remove it if asked to."""
    place = cache.folder()
    if place is None:
        output.result({"folder": None})
        output.say("switched off by HANDGRAD_CACHE")
        return
    files = cache.files()
    size = sum(file.stat().st_size for file in files)
    removed = cache.clear() if clear else 0
    output.result({"folder": str(place), "programs": len(files), "bytes": size, "removed": removed})
    output.say(f"{len(files)} compiled programs, {size / 1e6:.1f} MB, in {place}")
    if clear:
        output.say(f"{removed} removed")
