"""The examples of docs/broker.md run and do what the text says, and the Chinese page has the same."""

import re
from pathlib import Path

import backtrader as bt
import pandas as pd
import pytest

import qushi

DOCS = Path(qushi.__file__).parent / "docs"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def examples(name):
    return BLOCK.findall((DOCS / name).read_text(encoding="utf-8"))


def run(code):
    names = {}
    exec(compile(code, "docs/broker.md", "exec"), names)
    return names


def test_docs_broker_both_languages_show_the_same_examples():
    assert examples("broker.md") == examples("broker.zh.md")
    assert len(examples("broker.md")) == 2


def test_docs_broker_example_delivers_the_bonus_and_pays_the_dividend(capsys):
    result = run(examples("broker.md")[0])["result"]
    assert result.orders["filled"].tolist() == [1000, 1500]
    assert result.refused.empty
    assert result.actions["kind"].tolist() == ["dividend", "shares", "tax", "payment"]
    taxed = result.actions.set_index("kind").loc["tax", "cash"]
    assert taxed == -0.2 * 1000 * (1.0 + 0.5)  # held for days, the bonus at its face value
    assert result.equity["receivable"].tolist() == [0, 0, 0, 1000, 1000, 0]
    assert "dividend" in capsys.readouterr().out


def test_docs_broker_costs_alone_work_in_a_plain_cerebro():
    class Once(bt.Strategy):
        def next(self):
            if len(self) == 1:
                self.buy(size=100)

    at = pd.date_range("2024-01-02", periods=3)
    feed = bt.feeds.PandasData(
        dataname=pd.DataFrame(10.0, index=at, columns=["open", "high", "low", "close", "volume"])
    )
    cerebro = bt.Cerebro()
    run(examples("broker.md")[1])["with_market_costs"](cerebro, feed, "600000.SH")
    cerebro.addstrategy(Once)
    cerebro.run()
    assert cerebro.broker.getvalue() == pytest.approx(10_000 - 5.01)
