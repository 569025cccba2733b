import numpy as np
import pandas as pd

from qushi.core import Bars, Forecasts
from qushi.core.calendar import sessions
from qushi.strategies import Signals

AT = sessions("XSHG", "2020-01-02")[:4]


def bars():
    frame = {"symbol": "000300.SH", "session": AT, "volume": 1.0}
    return Bars.from_frame(pd.DataFrame(frame | dict.fromkeys(("open", "high", "low", "close"), 2.0)))


def forecasts(**columns):
    frame = pd.DataFrame({"model": "m", "seed": 0, "symbol": "000300.SH", "session": AT})
    frame = frame.assign(horizon=1, fold=0, expected_return=np.nan, fit_start=AT[0], fit_end=AT[0])
    return Forecasts(frame.assign(**columns))


def test_p_up_beside_flat_leans_by_the_difference_of_up_and_down():
    found = forecasts(p_up=[0.2, 0.1, 0.3, 0.6], p_down=[0.1, 0.3, 0.3, np.nan])
    p_up = Signals.build(bars(), found).p_up["000300.SH"]
    np.testing.assert_allclose(p_up, [0.55, 0.4, 0.5, 0.6])


def test_p_up_alone_stays_as_it_is():
    p_up = Signals.build(bars(), forecasts(p_up=[0.2, 0.1, 0.3, 0.6])).p_up["000300.SH"]
    np.testing.assert_array_equal(p_up, [0.2, 0.1, 0.3, 0.6])
