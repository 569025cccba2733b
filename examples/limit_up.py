"""A Backtrader strategy of one's own: chase every limit-up close, and meet the exchange's refusals.

After a close at the limit it orders shares for the next open, and sells them at the first open after a
close below the limit.  Where the next open is at the limit as well, nobody sells and the order is
refused: the trades from which such a strategy's paper profits come are the ones that cannot be had.
"""

import backtrader as bt


class ChaseLimitUp(bt.Strategy):
    """Buys after a limit-up close, each symbol with the same share of the equity.

    `data.limit_up` is the upper limit of the bar's session, NaN where there was none that day.
    """

    params = (("share", 0.3),)

    def next(self) -> None:
        equity = self.broker.getvalue()
        for data in self.datas:
            closed_at_limit = data.close[0] >= data.limit_up[0]  # NaN compares as False
            held = self.getposition(data).size
            if closed_at_limit and not held:
                lots = int(self.p.share * equity / data.close[0] / 100)
                if lots:
                    self.buy(data, size=100 * lots)
            elif held and not closed_at_limit:
                self.sell(data, size=held)
