"""The real akshare against a local server that has the file of QVIX."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError, SourceError
from qushi.market.instruments import board_of
from qushi.market.sources._akshare_qvix import FUNCTIONS, PREFIX
from qushi.market.sources.akshare import Akshare
from replay import serve

DAYS = ["2023-06-28", "2023-06-29", "2023-06-30", "2023-07-03"]
# Where akshare looks for the close of each, counted from 0.
CLOSES = {"510050.SH": 4, "510300.SH": 12, "510500.SH": 70}


def file_of(days=DAYS):
    """124 columns: a date, then figures that tell their row and column; blanks where there was none."""
    rows = []
    for number, day in enumerate(days):
        figures = [f"{10 + number + column / 1000:.3f}" for column in range(1, 124)]
        for close in CLOSES.values():
            low, high = 10 + number, 12 + number + close / 1000
            figures[close - 4 : close] = [
                f"{low + 1:.3f}",
                f"{high:.3f}",
                f"{low:.3f}",
                f"{low + 1.5:.3f}",
            ]
        rows.append(",".join([day.replace("-", "/"), *figures]))
    head = ",".join(f"某{k}" for k in range(124))
    return "\n".join([head, *rows]).encode("gbk")


@pytest.fixture
def site(monkeypatch, at):
    """The site; `site.answer` may be swapped."""
    import requests

    at("2023-07-01 12:00")
    with serve(lambda path, query: (200, file_of())) as replay:
        send = requests.Session.request

        def local(self, method, url, **kwargs):
            return send(self, method, replay.local(url), **kwargs)

        monkeypatch.setattr(requests.Session, "request", local)
        yield replay


def source(**settings):
    return Akshare(**{"pause": 0, "first_wait": 0, "attempts": 2, "timeout": 5, **settings})


@pytest.mark.parametrize("underlying", CLOSES)
@pytest.mark.filterwarnings("error")
def test_qvix_is_read_from_its_own_columns_without_the_session_that_still_runs(site, underlying):
    bars = source().fetch(PREFIX + underlying)
    frame = bars.one(PREFIX + underlying)
    assert bars.calendar == "XSHG"
    assert [f"{day:%Y-%m-%d}" for day in frame.index] == DAYS[:3]
    np.testing.assert_allclose(frame["close"], [11.5, 12.5, 13.5])
    np.testing.assert_allclose(frame["high"], 12 + np.arange(3) + CLOSES[underlying] / 1000)
    assert (frame["volume"] == 0).all()
    assert not frame["suspended"].any()
    assert [path for path, _ in site.asked] == ["/d/csv/d/k.csv"]


def test_qvix_of_several_is_one_request_and_a_new_source_asks_again(site):
    first = source()
    first.fetch("QVIX.510050.SH")
    first.fetch("QVIX.510300.SH", "2023-06-29", "2023-06-29")
    assert len(site.asked) == 1
    site.answer = lambda path, query: (200, file_of(DAYS[:2]))
    assert len(source().fetch("QVIX.510050.SH")) == 2
    assert len(site.asked) == 2


def test_every_qvix_has_a_function_of_akshare_and_is_an_index(site):
    import akshare

    for underlying, function in FUNCTIONS.items():
        assert callable(getattr(akshare, function))
        assert board_of(PREFIX + underlying) == "index"


def test_qvix_begins_with_its_options(site):
    """Blank before its first day, as the younger ones are in that file."""

    def younger(path, query):
        lines = file_of().decode("gbk").split("\n")
        cells = lines[1].split(",")
        cells[9:13] = [""] * 4
        return 200, "\n".join([lines[0], ",".join(cells), *lines[2:]]).encode("gbk")

    site.answer = younger
    frame = source().fetch("QVIX.510300.SH").one("QVIX.510300.SH")
    assert [f"{day:%Y-%m-%d}" for day in frame.index] == DAYS[1:3]


def test_qvix_of_nothing_known_names_the_near_one(site):
    with pytest.raises(DataError, match=r"did you mean 'QVIX\.510300\.SH'"):
        source().fetch("QVIX.510301.SH")
    assert site.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, b"<html><title>blocked</title></html>"), "a page, entitled 'blocked', instead of data"),
        ((503, b"busy"), "did not arrive after 2 tries"),
        ((200, b""), "an empty answer"),
        ((200, b"a,b\n1,2\n"), "a form that the library does not know"),
        ((200, file_of(["x", "y"])), "days that are none"),
    ],
)
def test_qvix_that_does_not_come_is_a_source_error(site, answer, said):
    site.answer = lambda path, query: answer
    with pytest.raises(SourceError, match=said):
        source().fetch("QVIX.510050.SH")


def test_qvix_is_tried_again_and_keeps_no_failure(site):
    answers = [(503, b"busy"), (200, file_of())]
    site.answer = lambda path, query: answers.pop(0)
    assert source().fetch("QVIX.510050.SH").one("QVIX.510050.SH")["close"].notna().all()
    assert answers == []


def test_qvix_stands_among_adjusted_bars(site):
    assert source(adjust="hfq").fetch("QVIX.510050.SH").adjustment == "adjusted"


def test_qvix_is_an_external_series_known_at_its_own_close(site, tmp_path):
    from qushi.app.config import parse_experiment
    from qushi.app.series import named_series

    table = {
        "name": "x",
        "bars": {"kind": "sample", "symbols": ["000300.SH"], "start": "2023-06-01"},
        "series": [
            {
                "name": "qvix",
                "symbol": "QVIX.510300.SH",
                "source": {"kind": "akshare", "pause": 0, "first_wait": 0},
            }
        ],
    }
    (found,) = named_series(parse_experiment(table), ["qvix"], "XSHG")
    at = pd.DatetimeIndex(DAYS[:3])
    np.testing.assert_allclose(found.at(at, "XSHG")[:, 0], [11.5, 12.5, 13.5])
