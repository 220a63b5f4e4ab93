"""Arrays in the HDF5 file of Keras, without external links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.importing.limits import Budget, numbers_in
from handgrad.exchange.importing.parts import floating_array
from handgrad.files.tensors import shown
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from h5py import Dataset, File, Group

MOST_ARRAYS = 16  # of one layer
BY_KERAS = 'a file written by Keras: model.save("model.keras")'


class KerasWeights:
    """Reader of arrays by path in the file, within a budget."""

    def __init__(self, file: File, budget: Budget) -> None:
        self._file, self._budget = file, budget

    def arrays(self, place: str) -> list[Array]:
        """Arrays "0", "1", … of a group; empty if there is none."""
        from h5py import Group

        group: object = self._file
        for name in place.split("/"):
            if not isinstance(group, Group):
                raise _refused(place, "no group", "groups of arrays")
            if name not in group:
                return []
            group = _member(group, name, place)
        if not isinstance(group, Group) or len(group) > MOST_ARRAYS:
            raise _refused(place, "no group of a few arrays", f"at most {MOST_ARRAYS} arrays")
        return [self._array(group, str(i), place) for i in range(len(group))]

    def _array(self, group: Group, name: str, place: str) -> Array:
        from h5py import Dataset

        dataset, place = _member(group, name, place), f"{place}/{name}"
        if not isinstance(dataset, Dataset) or dataset.shape is None:
            raise _refused(place, "no array", "arrays of numbers")
        if dataset.external or dataset.is_virtual:
            raise _refused(place, "numbers stored in other files", "numbers in the file itself")
        if dataset.dtype.kind not in "biuf" or dataset.dtype.subdtype:
            raise _refused(place, f"values of type {shown(str(dataset.dtype))}", "numbers")
        # HDF5 decompresses whole chunks, which may be larger than the array.
        self._budget.take(max(map(numbers_in, (dataset.shape, dataset.chunks or ()))), place)
        return floating_array(np.asarray(dataset))


def _member(group: Group, name: str, place: str) -> Group | Dataset:
    """Entry of a group; external links are not followed."""
    from h5py import HardLink

    if name not in group:
        raise _refused(f"{place}/{name}", "no array", "arrays of numbers")
    if not isinstance(group.get(name, getlink=True), HardLink):
        raise _refused(f"{place} at {name}", "a link", "the array or group itself")
    return group[name]


def _refused(place: str, came: str, expected: str) -> FileError:
    return FileError(f"{shown(place)}: {came}", expected, BY_KERAS)
