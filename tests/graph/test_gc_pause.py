"""Garbage is left alone while a graph is made, and looked for again afterwards."""

import gc

import pytest

from handgrad.graph.gc_pause import gc_paused


def test_garbage_is_left_until_the_last_of_all_is_done() -> None:
    assert gc.isenabled()
    one, other = gc_paused(), gc_paused()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert not gc.isenabled()
    other.__exit__(None, None, None)
    assert gc.isenabled()


def test_an_error_leaves_it_as_it_was() -> None:
    with pytest.raises(KeyError), gc_paused():
        raise KeyError
    assert gc.isenabled()


def test_a_user_who_collects_nothing_is_not_made_to() -> None:
    gc.disable()
    try:
        with gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
