"""A clock that stands still, and the sites behind akshare."""

import pandas as pd
import pytest

from qushi.market import BarStore, clock
from replay import serve


@pytest.fixture
def at(monkeypatch):
    """Set the clock: `at("2024-01-05 20:00")` is that moment in UTC."""

    def stand(moment: str) -> None:
        monkeypatch.setattr(clock, "now", lambda: pd.Timestamp(moment, tz="UTC"))

    return stand


@pytest.fixture
def sites(monkeypatch, at):
    """A server that is every site akshare asks, in 2023; `sites.answer` may be changed or swapped."""
    import akshare
    import requests

    from akshare_sites import Sites, half_a_year

    at("2023-07-01 12:00")
    for exchange in ("sh", "sz", "bj"):  # akshare keeps these lists for the life of the process
        getattr(akshare, f"stock_info_{exchange}_name_code").cache_clear()
    with serve(Sites(half_a_year())) as replay:
        send = requests.Session.request

        def local(self, method, url, **kwargs):
            return send(self, method, replay.local(url), **kwargs)

        monkeypatch.setattr(requests.Session, "request", local)
        yield replay


@pytest.fixture
def store(tmp_path, at):
    """An empty store, on a day in June 2024."""
    at("2024-06-03 12:00")
    return BarStore(tmp_path / "data")
