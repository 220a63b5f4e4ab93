"""How a training on workers is left before its end: they end, and Ray has their cores back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray import ObjectRef

GRACE = 5.0  # seconds for Ray Train to end by itself
ANY = "PENDING", "PREPARED", "CREATED", "RESCHEDULING"  # states of groups that have cores


def leave(training: ObjectRef[object], groups_before: set[str]) -> None:
    """End a training where it has not ended, with its workers."""
    import ray

    if ray.wait([training], timeout=0)[0]:
        return
    ray.cancel(training)  # an interrupt in its process, at which Ray Train ends the workers
    ended = bool(ray.wait([training], timeout=GRACE)[0])
    if not ended:
        ray.cancel(training, force=True)
    # Ray Train removes a group that has workers; its own cleaner of others needs a dashboard
    _remove(groups(*(("PENDING",) if ended else ANY)) - groups_before)


def groups(*states: str) -> set[str]:
    """The groups of cores that Ray keeps for workers of trainings of this process."""
    import ray
    from ray.util.placement_group import placement_group_table

    job = ray.get_runtime_context().get_job_id()
    table = placement_group_table()
    return {name for name, group in table.items() if group["state"] in states and job in name[-8:]}


def _remove(names: set[str]) -> None:
    import ray
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    for name in names:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(bytes.fromhex(name))))
