import json

import numpy as np
import pytest

from qushi.core import DataError, FitError
from qushi.core.extensions import build
from qushi.forecasters import Forecaster, Prediction
from qushi.forecasters.models.drift import Drift
from qushi.forecasters.models.momentum import Momentum
from qushi.forecasters.models.sma import SMA


def test_load_by_the_base_finds_the_kind_and_its_settings(tmp_path):
    Momentum(window=7).save(tmp_path / "model")
    found = Forecaster.load(tmp_path / "model")
    assert found == Momentum(window=7)
    assert json.loads((tmp_path / "model/forecaster.json").read_text())["kind"] == "momentum"


def test_save_leaves_two_whole_files(tmp_path):
    Drift().save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["forecaster.json", "state.safetensors"]


def test_load_of_a_folder_that_holds_no_model_raises(tmp_path):
    with pytest.raises(DataError, match="holds no forecaster"):
        Forecaster.load(tmp_path)


def test_load_of_another_class_raises(tmp_path):
    Momentum().save(tmp_path)
    with pytest.raises(DataError, match="holds a 'momentum', not a SMA"):
        SMA.load(tmp_path)


def test_build_from_a_table_is_the_class_with_its_settings():
    table = {"kind": "sma", "window": 9}
    assert build("qushi.forecasters.models", table, Forecaster, "[m]") == SMA(window=9)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"value": np.array([np.inf])},
        {"p_up": np.array([1.2])},
        {"p_up": np.array([np.nan, -0.1])},
    ],
)
def test_prediction_that_is_none_raises(answers):
    with pytest.raises(FitError):
        Prediction(**answers)
