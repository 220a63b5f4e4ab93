"""Without the package onnx, an export to it says what to install."""

import sys

import pytest

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.onnx.file import onnx_model


def test_the_extra_is_named_where_onnx_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)\.onnx file without onnx.*pip install '\.\[onnx\]'"
    ):
        onnx_model(model_spec_of(hg.Net(hg.Linear(2, 1))))
