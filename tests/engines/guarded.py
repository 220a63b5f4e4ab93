"""Memory whose end is guarded: who reads or writes beyond it ends the process."""

import ctypes
import mmap

import numpy as np

from handgrad.textbook.layers import Array


def at_the_end_of_memory(array: Array) -> Array:
    """The array where reading one number beyond it ends the process."""
    pages = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, pages + mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    assert protect(ctypes.c_void_p(start + pages), mmap.PAGESIZE, 0) == 0
    offset = pages - array.nbytes
    placed = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    placed[...] = array
    return placed
