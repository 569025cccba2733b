"""The sites behind akshare as far as it asks them: answers of their shape, numbers of our own.

Each symbol is a random walk in which dividends, new shares and rights take effect; the sites write it
in their own units, and adjust it in their own ways.
"""

import json
from dataclasses import dataclass, field
from io import BytesIO
from zlib import crc32

import numpy as np
import pandas as pd

from qushi.core.calendar import sessions
from sina_klc import packed

LOTS_AT_TENCENT = 100  # every board but STAR


@dataclass(frozen=True)
class Act:
    """One corporate action, a share; `pay` is when the cash arrives."""

    ex: str
    cash: float = 0.0
    bonus: float = 0.0
    split: float = 0.0
    rights: float = 0.0
    rights_price: float = 0.0
    pay: str = ""


@dataclass
class Stock:
    """One symbol, its rows (`open high low close volume amount`, by session) and its actions."""

    rows: pd.DataFrame
    acts: tuple[Act, ...] = ()
    reference: pd.Series = field(default_factory=pd.Series)

    def added(self) -> pd.Series:
        """Back-adjusted closes of a site that adds dividends: shares x price + what was paid."""
        shares, paid, series = 1.0, 0.0, []
        for day, close in self.rows["close"].items():
            for act in self.acts:
                if pd.Timestamp(act.ex) == day:
                    paid += shares * (act.cash - act.rights * act.rights_price)
                    shares *= 1 + act.bonus + act.split + act.rights
            series.append(shares * close + paid)
        return pd.Series(series, index=self.rows.index)

    def factor(self) -> pd.Series:
        """What a site that multiplies multiplies with: close before / reference, one by one."""
        step = (self.rows["close"].shift() / self.reference).fillna(1.0)
        return step.cumprod()


def stock(symbol: str, first: str, last: str, acts: tuple[Act, ...] = (), price: float = 20.0) -> Stock:
    """A random walk from its own seed; `acts` move its reference price as the exchange would."""
    decimals = 3 if symbol.startswith(("51", "15")) else 2
    random = np.random.default_rng(crc32(symbol.encode()))
    days, rows, references, close = sessions("XSHG", first, last), [], [], price
    for day in days:
        before = close
        for act in (a for a in acts if pd.Timestamp(a.ex) == day):
            issued = 1 + act.bonus + act.split + act.rights
            before = (before - act.cash + act.rights * act.rights_price) / issued
        opening, close = np.round(before * np.exp(random.normal(0, 0.012, 2)), decimals)
        high = round(max(opening, close) * 1.004, decimals)
        low = round(min(opening, close) * 0.996, decimals)
        volume = int(random.integers(5_000, 90_000)) * 100
        rows.append((opening, high, low, close, volume, round(volume * (high + low + close) / 3)))
        references.append(before)
    columns = ["open", "high", "low", "close", "volume", "amount"]
    return Stock(
        pd.DataFrame(rows, columns=columns, index=days), acts, pd.Series(references, index=days)
    )


def half_a_year() -> dict[str, Stock]:
    """One symbol of every kind, from January to June 2023, and what their companies did."""
    first, last = "2023-01-03", "2023-06-30"
    acts = {
        "600519.SH": (
            Act("2023-03-15", cash=1.0, bonus=0.5, pay="2023-03-20"),
            Act("2023-05-22", rights=0.3, rights_price=8.0),
        ),
        "000001.SZ": (Act("2023-04-11", cash=0.285, pay="2023-04-11"),),
        "688981.SH": (Act("2023-06-01", split=0.4, cash=0.15, pay="2023-06-01"),),
        "300750.SZ": (Act("2023-04-26", cash=2.52, split=0.8),),
        "830799.BJ": (Act("2023-05-18", cash=0.08),),
        "510300.SH": (Act("2023-01-16", cash=0.065), Act("2023-05-08", cash=0.04)),
    }
    prices = {"510300.SH": 3.9, "000300.SH": 3900.0, "399001.SZ": 11000.0}
    symbols = (*acts, "000300.SH", "399001.SZ", "601398.SH")
    stocks = {s: stock(s, first, last, acts.get(s, ()), prices.get(s, 20.0)) for s in symbols}
    for index in ("000300.SH", "399001.SZ"):
        rows = stocks[index].rows
        rows["volume"] *= 10_000
        rows["amount"] = rows["volume"] * 14.0
    return stocks


def sheet(table: pd.DataFrame) -> bytes:
    """An Excel workbook."""
    book = BytesIO()
    table.to_excel(book, index=False)
    return book.getvalue()


class Sites:
    """All of them: called with a path and a query, as `replay.serve` does."""

    def __init__(self, stocks: dict[str, Stock]) -> None:
        self.stocks = stocks
        others = {f"{k:06}": (f"某{k}", "2001-01-01") for k in range(2800, 2812)}
        self.lists = {  # code: (name, listed)
            "SH": {"600999": ("某", "2009-11-17"), "688999": ("某", "2020-01-02")},
            "SZ": others,
            "BJ": {"920999": ("某", "2022-01-04")},
        }
        self.gone = {  # code: (name, listed, delisted)
            "SH": {"600001": ("某", "1998-01-22", "2009-12-29")},
            "SZ": {"000003": ("某", "1991-07-03", "2002-06-14")},
        }
        self.renamed: list[tuple[str, str, str, str]] = []  # day, code, before, after
        self.members: dict[str, pd.DataFrame] = {}
        self.tencent_multiplies = False

    def __call__(self, path: str, query: dict[str, str]) -> tuple[int, str | bytes]:
        for part, answer in (
            ("weekTrends", self._tencent_first),
            ("newfqkline", self._tencent),
            ("/hisdata", self._sina),
            ("ShareAmount", self._sina_shares),
            ("hfq.js", self._sina_factors),
            ("/kline/get", self._eastmoney),
            ("p_sysapi1139", self._dividends),
            ("p_stock2232", self._rights),
            ("ommonQuery.do", self._shanghai),
            ("ShowReport", self._shenzhen),
            ("nqxxCnzq.do", self._beijing),
            ("autofile/cons", self._members),
            ("download-history", self._members),
        ):
            if part in path:
                return 200, answer(path, query)
        raise AssertionError(f"nobody serves {path}")

    def _at(self, prefixed: str) -> Stock:
        return self.stocks[f"{prefixed[2:]}.{prefixed[:2].upper()}"]

    # Tencent -------------------------------------------------------------------------------------

    def _tencent_first(self, path, query):
        first = self._at(query["code"]).rows.index[0]
        return f'trend_qfq={{"code":0,"msg":"","data":[["{first:%Y-%m-%d}","1.00"]]}}'

    def _tencent(self, path, query):
        name, _, start, end, _, adjust = query["param"].split(",")
        one = self._at(name)
        unit = 1 if name.startswith("sh688") else LOTS_AT_TENCENT
        by = one.factor() if self.tencent_multiplies else one.added() / one.rows["close"]
        rows = []
        for day, row in one.rows.loc[start:end].iterrows():
            scale = by[day] if adjust == "hfq" else 1.0
            figures = [f"{row[p] * scale:.3f}" for p in ("open", "close", "high", "low")]
            figures += [f"{row['volume'] / unit:.3f}", {}, "0.55", f"{row['amount'] / 1e4:.2f}", ""]
            rows.append([f"{day:%Y-%m-%d}", *figures])
        body = {"code": 0, "msg": "", "data": {name: {f"{adjust}day": rows, "version": "16"}}}
        return f"{query['_var']}={json.dumps(body)}"

    # Sina ----------------------------------------------------------------------------------------

    def _sina(self, path, query):
        name = path.split("/company/")[1].split("/")[0]
        one = self._at(name)
        fund, index = name[2:4] in ("51", "15"), name[:5] in ("sh000", "sz399")
        assert ("/hisdata/" in path) == index, "Sina keeps indices in a place of their own"
        rows, before = [], 0.0
        for day, row in one.rows.iterrows():
            reference = round(one.reference[day], 3 if fund else 2)
            said = None if reference == round(before, 3) else reference
            rows.append((f"{day:%Y-%m-%d}", *row[["open", "high", "low", "close"]], *row[4:], said))
            before = row["close"]
        return f'var KLC_KL_{name}="{packed(rows, 3 if fund else 2)}";'

    def _sina_shares(self, path, query):
        first = self._at(query["symbol"]).rows.index[0]
        script = "/*<script>location.href='//sina.com';</script>*/"
        return f'{script}\nvar KKE_ShareAmount=([{{date:"{first:%Y-%m-%d}",amount:"125619.78"}}])'

    def _sina_factors(self, path, query):
        name = path.split("/")[-2]
        one = self._at(name)
        fund = name[2:4] in ("51", "15")
        factor, paid = one.factor(), 0.0
        rows = [{"d": "1900-01-01", "f": "1.0000", **({"s": "1.0", "u": "0.0"} if fund else {})}]
        for act in one.acts:
            paid += act.cash
            at = one.rows.index[one.rows.index.searchsorted(pd.Timestamp(act.ex))]
            extra = {"s": "1.0000", "u": f"{paid:.4f}"} if fund else {}
            rows.insert(0, {"d": act.ex, "f": "1.0" if fund else f"{factor[at]:.16f}", **extra})
        return f"var {name}hfq={json.dumps({'total': len(rows), 'data': rows})}\n/* served */"

    # Eastmoney -----------------------------------------------------------------------------------

    def _eastmoney(self, path, query):
        market, code = query["secid"].split(".")
        found = [
            s for s in self.stocks if s.startswith(f"{code}.") and s.endswith(".SH") == (market == "1")
        ]
        if not found:
            return '{"rc":102,"data":null}'
        one = self.stocks[found[0]]
        by, rows = one.added() / one.rows["close"], []
        before = one.rows["close"].shift().fillna(one.rows["open"])
        for day, row in one.rows.loc[query["beg"] : query["end"]].iterrows():
            scale = by[day] if query.get("fqt") == "2" else 1.0
            digits = 3 if code.startswith(("51", "15")) else 2
            figures = [f"{row[p] * scale:.{digits}f}" for p in ("open", "close", "high", "low")]
            figures += [f"{row['volume'] / 100:.0f}", f"{row['amount']:.2f}", "1.00", "0.50"]
            figures += [f"{row['close'] - before[day]:.2f}", "0.40"]
            asked = sum(f < "f62" for f in query["fields2"].split(","))
            rows.append(",".join([f"{day:%Y-%m-%d}", *figures][:asked]))
        return json.dumps({"rc": 0, "data": {"code": code, "name": "样本", "klines": rows}})

    # cninfo --------------------------------------------------------------------------------------

    def _dividends(self, path, query):
        paid = [a for a in self._acts(query["scode"]) if a.cash or a.bonus or a.split]
        records = [
            {
                "F001V": "年报",
                "F006D": a.ex,
                "F044V": "年度分红",
                "F010N": a.bonus * 10 or None,
                "F011N": a.split * 10 or None,
                "F012N": round(a.cash * 10, 6) or None,
                "F018D": a.ex,
                "F020D": a.ex,
                "F023D": a.pay or None,
                "F025D": None,
                "F007V": "",
            }
            for a in paid
        ]
        proposed = {**dict.fromkeys(records[0]), "F006D": "2030-01-01", "F012N": 99} if records else None
        return json.dumps({"records": [*records, *([proposed] if proposed else [])]})

    def _rights(self, path, query):
        """57 columns that akshare names by their order."""
        records = []
        for act in (a for a in self._acts(query["scode"]) if a.rights):
            row = {f"F{k:03}": None for k in range(57)}
            row |= {"F008": act.rights_price, "F009": act.rights * 10, "F018": act.ex}
            records.append(row)
        return json.dumps({"records": records})

    def _acts(self, code):
        return next(one.acts for symbol, one in self.stocks.items() if symbol.startswith(f"{code}."))

    # The exchanges, and who makes their indices ---------------------------------------------------

    def _shanghai(self, path, query):
        if query["COMPANY_STATUS"] == "3":
            gone = self.gone["SH"].items()
            keys = ("COMPANY_CODE", "COMPANY_ABBR", "LIST_DATE", "DELIST_DATE")
            return json.dumps({"result": [dict(zip(keys, (c, *r), strict=True)) for c, r in gone]})
        star = query["STOCK_TYPE"] == "8"
        rows = [
            {
                "A_STOCK_CODE": code,
                "SEC_NAME_CN": name,
                "SEC_NAME_FULL": name,
                "COMPANY_ABBR": name,
                "FULL_NAME": name,
                "LIST_DATE": listed.replace("-", ""),
            }
            for code, (name, listed) in self.lists["SH"].items()
            if code.startswith("688") == star
        ]
        return json.dumps({"result": rows})

    def _shenzhen(self, path, query):
        if query["CATALOGID"] == "SSGSGMXX":
            columns = ["变更日期", "证券代码", "变更前简称", "变更后简称"]
            return sheet(pd.DataFrame(self.renamed, columns=columns))
        if query["CATALOGID"] == "1793_ssgs":
            rows = [(int(c), *r) for c, r in self.gone["SZ"].items()]
            return sheet(
                pd.DataFrame(rows, columns=["证券代码", "证券简称", "上市日期", "终止上市日期"])
            )
        columns = ["板块", "A股代码", "A股简称", "A股上市日期", "A股总股本", "A股流通股本", "所属行业"]
        rows = [("主板", int(c), n, day, "1", "1", "J") for c, (n, day) in self.lists["SZ"].items()]
        return sheet(pd.DataFrame(rows, columns=columns))

    def _beijing(self, path, query):
        """48 columns that akshare names by their order."""
        rows = []
        for code, (name, listed) in self.lists["BJ"].items():
            row = {f"c{k:02}": None for k in range(48)}
            rows.append(row | {"c00": listed, "c38": code, "c40": name})
        return f"null({json.dumps([{'totalPages': 1, 'content': rows}])})"

    def _members(self, path, query):
        return sheet(self.members[query.get("indexcode") or path.split("/")[-1][:6]])
