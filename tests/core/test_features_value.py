import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError, Features

INDEX = pd.MultiIndex.from_product(
    [["600519.SH"], pd.to_datetime(["2024-01-02", "2024-01-03"])], names=["symbol", "session"]
)
VALUES = np.array([[np.nan, 1], [2, 3]], dtype=np.float32)


def test_features_frame_has_the_names_and_keeps_nan():
    frame = Features(VALUES, INDEX, ("a", "b"), 1).frame
    assert frame.columns.tolist() == ["a", "b"]
    assert np.isnan(frame.iloc[0, 0])


@pytest.mark.parametrize(
    ("values", "index", "names", "said"),
    [
        (VALUES, INDEX, ("a",), r"features are \(2, 2\), expected \(2, 1\)"),
        (VALUES.astype(float), INDEX, ("a", "b"), "float32"),
        (np.asfortranarray(VALUES), INDEX, ("a", "b"), "C-contiguous"),
        (VALUES, INDEX[::-1], ("a", "b"), "sorted and unique"),
        (VALUES, INDEX, ("a", "a"), "names must be unique"),
        (np.float32([[1, np.inf], [2, 3]]), INDEX, ("a", "b"), "'b' holds an infinite value"),
    ],
)
def test_features_that_cannot_be_are_refused(values, index, names, said):
    with pytest.raises(DataError, match=said):
        Features(values, index, names, 0)
