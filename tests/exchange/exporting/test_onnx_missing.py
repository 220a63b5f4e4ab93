"""Without the package onnx, an export to it says what to install."""

import re
import sys

import pytest

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.onnx.file import onnx_model
from handgrad.textbook.install import install_hint


def test_the_extra_is_named_where_onnx_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    said = rf"(?s)\.onnx file without onnx.*{re.escape(install_hint('onnx'))}"
    with pytest.raises(hg.errors.SettingError, match=said):
        onnx_model(model_spec_of(hg.Net(hg.Linear(2, 1))))
