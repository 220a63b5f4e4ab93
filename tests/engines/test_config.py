"""The configuration of a training is one list, which signatures show."""

from dataclasses import fields
from inspect import signature
from typing import Any, get_type_hints

import pytest

import handgrad as hg
from handgrad.engines.config import (
    INTERNAL,
    FitConfig,
    FitSettings,
    TrainingConfig,
    TrainingSettings,
)

WATCHING = {"progress", "live_plot", "diagnose"}


@pytest.mark.parametrize(
    ("config", "settings"), [(TrainingConfig, TrainingSettings), (FitConfig, FitSettings)]
)
def test_the_keywords_are_the_fields_of_their_types(config: Any, settings: Any) -> None:
    types = {
        field.name: field.type
        for field in fields(config)
        if field.name not in ("net", "data", *INTERNAL)
    }
    assert get_type_hints(settings) == types
    assert settings.__required_keys__ == {"loss", "optimizer", "epochs"}


def test_signatures_show_every_field() -> None:
    train, fit = (signature(function).parameters for function in (hg.train, hg.fit))
    assert [*train, *INTERNAL] == [field.name for field in fields(TrainingConfig)]
    assert {*fit, *INTERNAL} == {field.name for field in fields(FitConfig)} | WATCHING
    assert (train["batch_size"].default, train["batch_size"].kind) == (
        32,
        train["loss"].KEYWORD_ONLY,
    )
    assert train["loss"].default is train["loss"].empty
