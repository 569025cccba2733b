"""Every word of the page, in English and Chinese.

Data, not code: a label is looked up by its key and both languages are written into the page, where a
button shows one of them.  The reader needs no second file and no script for it.
"""

from ..core.notes import Said
from .forecast_words import FORECAST_COLUMNS, FORECAST_WORDS

WORDS: dict[str, Said] = {
    # the frame
    "report": Said("Backtest report", "回测报告"),
    "window": Said("Tested window", "回测区间"),
    "sessions_n": Said("{n} sessions", "{n} 个交易日"),
    "symbols": Said("Symbols", "标的"),
    "benchmark": Said("Benchmark", "基准"),
    "switch": Said("中文", "English"),
    "theme": Said("Light / dark", "明 / 暗"),
    "warnings": Said("Read this first", "请先阅读"),
    "warnings_left": Said("and {n} more", "另有 {n} 条"),
    "between": Said(", ", "、"),
    "colon": Said(": ", "："),
    "failures": Said("What failed", "失败项"),
    "failures_note": Said(
        "Asked for, and not done. Nothing was put in its place.",
        "已要求但未完成，且没有用其他内容替代。",
    ),
    "what": Said("What", "项目"),
    "why": Said("Why", "原因"),
    "short": Said("In short", "摘要"),
    "asked": Said("What was asked", "实验要求"),
    "config": Said("The whole experiment file", "完整的实验配置"),
    "measures": Said("What each column means", "各列含义"),
    "tear_sheet": Said("An underlined name opens its tear sheet.", "带下划线的名称可打开其详表。"),
    "sort": Said("Click a heading to sort.", "点击表头可排序。"),
    "provenance": Said("Where this comes from", "来源与版本"),
    "classifier": Said("The text classifier", "文本分类器"),
    "colophon": Said(
        "Charts by TradingView Lightweight Charts™, © TradingView, Inc., Apache License 2.0. "
        "Type: a subset of Noto Sans CJK SC, SIL Open Font License 1.1. "
        "This page is one file and asks no host for anything.",
        "图表：TradingView Lightweight Charts™，© TradingView, Inc.，Apache 2.0 许可。"
        "字体：Noto Sans CJK SC 子集，SIL OFL 1.1 许可。本页是单个文件，不向任何主机请求任何内容。",
    ),
    "colophon_risk": Said(
        "A backtest says what rules would have earned under the stated assumptions. "
        "It is no forecast and no advice.",
        "回测只说明在所述假设下这些规则本会得到什么，既不是预测，也不是投资建议。",
    ),
    # in short
    "short_best": Said(
        "The best of {n} strategies, {name}, returned {total} after costs; {benchmark} returned {base} "
        "without any.",
        "{n} 个策略中最好的是 {name}，扣除费用后收益 {total}；基准 {benchmark} 不计费用收益 {base}。",
    ),
    "short_only": Said(
        "The strategy {name} returned {total} after costs; {benchmark} returned {base} without any.",
        "策略 {name} 扣除费用后收益 {total}；基准 {benchmark} 不计费用收益 {base}。",
    ),
    "short_beat": Said(
        "{k} of {n} strategies earned more than the benchmark. "
        "The best of several is best partly by luck.",
        "{n} 个策略中有 {k} 个收益高于基准。多中选优，其优有一部分是运气。",
    ),
    "short_hold": Said(
        "{k} of {n} other strategies earned more than buying and holding ({hold} after costs). "
        "The best of several is best partly by luck.",
        "其余 {n} 个策略中有 {k} 个收益高于买入持有（扣费后 {hold}）。多中选优，其优有一部分是运气。",
    ),
    "short_direction": Said(
        "{k} of {n} models called the direction more often than the base rate with p\u00a0<\u00a00.05; "
        "chance alone would give about {chance}.",
        "{n} 个模型中有 {k} 个的方向准确率高于基准率且 p\u00a0<\u00a00.05；仅凭偶然约有 {chance} 个。",
    ),
    "short_error": Said(
        "{k} of {n} price forecasts were closer than simply repeating the last value.",
        "{n} 个价格预测中有 {k} 个比“沿用上一个值”更接近。",
    ),
    "short_refused": Said(
        "{refused} of {orders} orders were not, or not wholly, filled; the reasons are listed below.",
        "{orders} 笔委托中有 {refused} 笔未（全部）成交，原因见下表。",
    ),
    "short_nothing": Said("No strategy was run.", "没有运行任何策略。"),
    # sections
    "strategies": Said("Strategies by return", "策略收益排名"),
    "strategies_note": Said(
        "Over {first} to {last}, after costs, orders filled at {filled}. Annualised with "
        "{per_year} sessions a year, risk-free rate 0; CAGR counts calendar years.",
        "区间 {first} 至 {last}，已扣费用，委托于{filled}成交。按每年 {per_year} 个交易日年化，"
        "无风险利率为 0；年化收益按日历年计算。",
    ),
    "filled_open": Said("the next open", "下一交易日开盘"),
    "filled_close": Said("the next close", "下一交易日收盘"),
    "unlike": Said(
        "These results do not stand on the same conditions (data, window, costs, rules): "
        "do not rank them against each other.",
        "这些结果的条件（数据、区间、费用、规则）不一致：不可相互排名。",
    ),
    "equity": Said("Equity and drawdown", "净值与回撤"),
    "equity_note": Said(
        "Each curve starts from 1, the initial cash. Click a name to show or hide it.",
        "各曲线以初始资金为 1。点击名称可显示或隐藏。",
    ),
    "drawdown": Said("Drawdown", "回撤"),
    "price": Said("Price, trades and panic", "价格、交易与恐慌指数"),
    "price_only": Said("Price and trades", "价格与交易"),
    "price_note_red": Said(
        "Red rises, green falls, as on Chinese screens. A trade stands on the session it filled.",
        "红涨绿跌。交易标记位于成交的交易日。",
    ),
    "price_note_green": Said(
        "Green rises, red falls. A trade stands on the session it filled.",
        "绿涨红跌。交易标记位于成交的交易日。",
    ),
    "panic_note": Said(
        "Panic runs from 0 (calm) to 100; a gap means no information, never calm. "
        "The value of a session trades at the next open.",
        "恐慌指数自 0（平静）至 100；空缺表示没有信息，而不是平静。当日数值在下一交易日开盘才可交易。",
    ),
    "panic_page": Said(
        "The panic index on a page of its own, with the most frightened texts",
        "恐慌指数专页，附最恐慌的文本",
    ),
    "no_panic": Said("There is no panic index in this run.", "本次运行没有恐慌指数。"),
    "drawn_some": Said(
        "{drawn} of {all} symbols are drawn, those traded most, to keep the page small.",
        "为控制页面大小，只绘出 {all} 个标的中交易最多的 {drawn} 个。",
    ),
    "quality": Said("Forecast quality", "预测质量"),
    "quality_note": Said(
        "Out of sample. An accuracy means nothing without the base rate beside it: the share that "
        "always calling the more frequent direction would get. Below it is marked.",
        "均为样本外。准确率须与基准率（始终预测更常见方向所得）并看才有意义；低于基准率者已标出。",
    ),
    "no_forecasts": Said("No model was asked for forecasts.", "没有要求任何模型作预测。"),
    "refused": Said("Orders not, or not wholly, filled", "未（全部）成交的委托"),
    "refused_note": Said(
        "By reason. An order that was cut short counts here, and not among the refused above. "
        "The cost is what the unfilled part would have earned, before fees, until the next order or "
        "decision about the symbol was due; in green, the refusal saved money.",
        "按原因统计。部分成交的委托计入此处，但不计入上表的被拒数。代价指未成交部分在该标的下一笔委托或决定之前"
        "本可赚得的金额（未计费用）；绿色表示被拒反而省了钱。",
    ),
    "largest": Said("The refusals that mattered most", "影响最大的未成交委托"),
    "largest_note": Said(
        "By what they cost or saved, ten at most. An order sent again day after day for the same "
        "reason is one row.",
        "按代价或节省的金额排列，最多十行。因同一原因逐日重发的委托合为一行。",
    ),
    "side_buy": Said("buy", "买入"),
    "side_sell": Said("sell", "卖出"),
    "saved": Said("saved", "省下"),
    "all_reasons": Said("together", "合计"),
    "all_filled": Said("Every order was filled.", "全部委托均已成交。"),
    "data": Said("Data", "数据"),
    "data_raw": Said("Raw prices with an adjustment factor.", "原始价格，附复权因子。"),
    "data_adjusted": Said(
        "The source had adjusted prices only: nobody traded at these prices.",
        "数据源只有复权价格：市场上并未以这些价格成交。",
    ),
    "fits": Said("Fit windows", "训练区间"),
    "fits_note": Said(
        "Each fold was fitted on sessions that end, labels included, at or before its first forecast.",
        "每一折的训练数据（含标签）都不晚于其第一个预测。",
    ),
    "alignment": Said("Panic against returns", "恐慌指数与收益率的相关"),
    "alignment_note": Said(
        "Correlations: below 0 in the same session shows that the texts are read rightly, for people "
        "write fearfully on falling days; only the next session would be prediction, and about 0 is the "
        "honest expectation there.",
        "相关系数：当日为负，说明文本判读正确，因为下跌日人们写得更恐慌；只有次日才算预测，"
        "而诚实的预期是约等于 0。",
    ),
    "check": Said("Against labels given by hand", "与人工标注的对照"),
    "check_note": Said(
        "An accuracy means something only above the majority: the share that always saying the most "
        "frequent label would get. Texts of this check are taken out of the experiment's own training; "
        "a classifier brought from elsewhere may have learned from them.",
        "准确率只有高于多数类（始终取最常见标签所得）才有意义。本实验自行训练时会剔除这些文本；"
        "外来的分类器则可能学过它们。",
    ),
    # row marks
    "below_majority": Said("no better than the majority", "不优于多数类"),
    "below_base": Said("below base rate", "低于基准率"),
    "worse_last": Said("worse than last value", "劣于沿用上一个值"),
    "mark_benchmark": Said("benchmark, no costs", "基准，不计费用"),
    "mark_hold": Said("buy and hold", "买入持有"),
    "mark_idle": Said("never traded", "从未成交"),
    # controls
    "symbol": Said("Symbol", "标的"),
    "strategy": Said("Trades of", "交易来自"),
    "no_trades": Said("no trades", "不显示交易"),
    "audience": Said("Panic of", "恐慌指数"),
    "audience_all": Said("everyone", "全部"),
    "audience_public": Said("the public", "公众"),
    "audience_institution": Said("institutions", "机构"),
    "scope_market": Said("market", "市场"),
    "all_texts": Said("all texts", "全部文本"),
    "adjusted": Said("Adjusted", "复权"),
    "log": Said("Log scale", "对数坐标"),
    "reset": Said("Whole window", "整个区间"),
    "year": Said("Last year", "最近一年"),
    "buy": Said("bought", "买入"),
    "sell": Said("sold", "卖出"),
    "open": Said("O", "开"),
    "high": Said("H", "高"),
    "low": Said("L", "低"),
    "close": Said("C", "收"),
    "volume": Said("Vol", "量"),
    "panic": Said("Panic", "恐慌"),
    "no_value": Said("no information", "无信息"),
    "more_columns": Said("{n} more to the right →", "右侧还有 {n} 列 →"),
    "show_all": Said("Show all", "全部显示"),
    "show_none": Said("Hide all", "全部隐藏"),
    **FORECAST_WORDS,
}

COLUMNS: dict[str, tuple[Said, Said]] = {
    # strategies: heading, one sentence
    "name": (Said("Strategy", "策略"), Said("Strategy and model.", "策略与模型。")),
    "total_return": (
        Said("Return", "总收益"),
        Said("Gain over the whole window, after costs.", "整个区间的收益，已扣费用。"),
    ),
    "excess_return": (
        Said("Over benchmark", "超额"),
        Said("Return minus the benchmark's, in percentage points.", "总收益减基准收益，单位为百分点。"),
    ),
    "cagr": (
        Said("CAGR", "年化收益"),
        Said("The yearly rate that compounds to the return.", "复利折算的年收益率。"),
    ),
    "volatility": (
        Said("Volatility", "波动率"),
        Said("Standard deviation of daily returns, annualised.", "日收益标准差，年化。"),
    ),
    "sharpe": (
        Said("Sharpe", "夏普"),
        Said(
            "Mean over standard deviation of daily returns, annualised, risk-free rate 0.",
            "日收益均值除以标准差，年化，无风险利率为 0。",
        ),
    ),
    "sortino": (
        Said("Sortino", "索提诺"),
        Said("As Sharpe, but only losses count as risk.", "同夏普，但只把亏损视为风险。"),
    ),
    "max_drawdown": (
        Said("Max drawdown", "最大回撤"),
        Said(
            "Deepest fall from an earlier peak, the initial cash included.",
            "自此前高点（含初始资金）的最大跌幅。",
        ),
    ),
    "calmar": (
        Said("Calmar", "卡玛"),
        Said("CAGR over the size of the maximum drawdown.", "年化收益除以最大回撤幅度。"),
    ),
    "exposure": (
        Said("Exposure", "持仓占比"),
        Said(
            "Share of the equity (or of the sessions) that was invested.",
            "资金（或交易日）处于持仓的比例。",
        ),
    ),
    "idle_cash": (
        Said("Idle cash", "平均现金"),
        Said(
            "Share of the equity that was cash, mean over the closes.", "现金占净值的比例，各收盘平均。"
        ),
    ),
    "last_cash": (
        Said("Cash at end", "期末现金"),
        Said("Share of the equity that was cash at the last close.", "最后收盘时现金占净值的比例。"),
    ),
    "turnover": (
        Said("Turnover / yr", "年换手"),
        Said("Value traded a year, in multiples of the equity.", "每年成交额相当于净值的倍数。"),
    ),
    "orders": (Said("Orders", "委托"), Said("Orders sent.", "发出的委托数。")),
    "fills": (Said("Fills", "成交"), Said("Executions.", "成交笔数。")),
    "refused": (
        Said("Refused", "被拒"),
        Said("Orders of which nothing was filled.", "完全没有成交的委托数。"),
    ),
    "round_trips": (
        Said("Round trips", "完整交易"),
        Said("Positions opened and closed again.", "开仓并平仓的次数。"),
    ),
    "win_rate": (
        Said("Win rate", "胜率"),
        Said("Share of round trips that gained after costs.", "扣费后盈利的完整交易比例。"),
    ),
    "costs": (
        Said("Costs", "费用"),
        Said("Commission, stamp duty and fees paid, in currency.", "佣金、印花税与规费合计。"),
    ),
    "dividends": (
        Said("Dividends", "股息"),
        Said("Dividends received or due, before tax, in currency.", "已收及应收股息，税前。"),
    ),
    "dividend_tax": (
        Said("Dividend tax", "股息税"),
        Said("Tax on dividends, taken when the shares are sold.", "股息红利税，卖出时扣缴。"),
    ),
    "final_equity": (
        Said("Final equity", "期末净值"),
        Said(
            "Cash, holdings and dividends due at the last close, in currency.",
            "最后收盘时的现金、持仓与应收股息。",
        ),
    ),
    "beta": (
        Said("Beta", "贝塔"),
        Said("Slope of the daily returns on the benchmark's.", "日收益对基准日收益的斜率。"),
    ),
    "benchmark_return": (
        Said("Benchmark", "基准收益"),
        Said("The benchmark's return over the same window.", "同一区间的基准收益。"),
    ),
    # forecasts
    "model": (Said("Model", "模型"), Said("Model and its settings.", "模型及其设置。")),
    "seed": (Said("Seed", "种子"), Said("Random seed of the fit.", "训练的随机种子。")),
    "n": (Said("n", "样本数"), Said("Forecasts that have an outcome.", "已有结果的预测数。")),
    "accuracy": (
        Said("Direction", "方向准确率"),
        Said("Share of forecasts whose direction came true.", "方向预测正确的比例。"),
    ),
    "base_rate": (
        Said("Base rate", "基准率"),
        Said(
            "What always calling the more frequent direction would have got.",
            "始终预测更常见方向所能得到的准确率。",
        ),
    ),
    "p_value": (
        Said("p", "p 值"),
        Said(
            "Chance of a direction record this good without skill; above 0.05 is no evidence.",
            "没有预测能力时得到这样好成绩的概率；大于 0.05 不构成证据。",
        ),
    ),
    "balanced_accuracy": (
        Said("Balanced", "平衡准确率"),
        Said(
            "Mean of the accuracies on up and on down days; 0.5 is no skill.",
            "涨日与跌日准确率的均值；0.5 为无能力。",
        ),
    ),
    "mcc": (
        Said("MCC", "马修斯"),
        Said(
            "Correlation of called and actual direction; 0 is no skill.",
            "预测与实际方向的相关；0 为无能力。",
        ),
    ),
    "brier": (
        Said("Brier", "布里尔"),
        Said("Mean squared error of the probability; lower is better.", "概率的均方误差，越小越好。"),
    ),
    "brier_base": (
        Said("Brier base", "布里尔基准"),
        Said("Brier score of always giving the base rate.", "始终给出基准率时的布里尔分数。"),
    ),
    "relative_mae": (
        Said("Error vs last", "相对误差"),
        Said(
            "Mean absolute error over that of repeating the last value; above 1 is worse than no model.",
            "平均绝对误差与“沿用上一个值”之比；大于 1 劣于没有模型。",
        ),
    ),
    "relative_rmse": (
        Said("RMSE vs last", "相对 RMSE"),
        Said(
            "The same with squared errors, which weigh large misses.", "同上，按平方误差，更重视大偏差。"
        ),
    ),
    "ic": (
        Said("IC", "信息系数"),
        Said("Rank correlation of forecast and outcome.", "预测与结果的秩相关。"),
    ),
    "ic_p_value": (
        Said("p of IC", "IC 的 p 值"),
        Said("Chance of an IC this large without skill.", "没有能力时得到这样大 IC 的概率。"),
    ),
    "first": (Said("First", "首个"), Said("First forecast.", "首个预测。")),
    "last": (Said("Last", "末个"), Said("Last forecast.", "末个预测。")),
    # panic and classifier
    "scope": (Said("Scope", "范围"), Said("A symbol, or the whole market.", "单个标的或整个市场。")),
    "audience": (Said("Audience", "人群"), Said("Whose texts.", "文本的作者人群。")),
    "texts": (Said("Texts", "文本数"), Said("Texts labelled by hand.", "人工标注的文本数。")),
    "majority": (
        Said("Majority", "多数类"),
        Said("What always saying the most frequent class would get.", "始终预测最常见类别的准确率。"),
    ),
    "hits": (
        Said("Accuracy", "准确率"),
        Said("Share of the texts whose label the classifier gave.", "分类与人工标注一致的比例。"),
    ),
    "balanced_classes": (
        Said("Balanced", "平衡准确率"),
        Said("Mean of the accuracies within each class.", "各类别准确率的均值。"),
    ),
    "same_session": (
        Said("Same session", "当日"),
        Said(
            "The session's bearishness without decay against the same session's return.",
            "未衰减的当日看跌度与当日收益率的相关。",
        ),
    ),
    "last_three": (
        Said("Last three", "近三日"),
        Said(
            "The index against the return of the last three sessions.",
            "指数与近三个交易日收益率的相关。",
        ),
    ),
    "next_session": (
        Said("Next session", "次日"),
        Said("The index against the return of the next session.", "指数与下一交易日收益率的相关。"),
    ),
    # refusals
    "refusal_reason": (
        Said("Reason", "原因"),
        Said("What stood in the way.", "未成交的原因。"),
    ),
    "refusal_orders": (
        Said("Orders", "委托数"),
        Said("Orders not wholly filled.", "未全部成交的委托数。"),
    ),
    "refusal_partial": (
        Said("In part", "部分成交"),
        Said("Those of them of which a part was filled.", "其中部分成交的委托数。"),
    ),
    "refusal_share": (
        Said("Of all", "占比"),
        Said("Share of all the strategy's orders.", "占该策略全部委托的比例。"),
    ),
    "refusal_symbols": (Said("Symbols", "标的数"), Said("How many different ones.", "涉及的标的数。")),
    "refusal_symbol": (Said("Symbol", "标的"), Said("", "")),
    "refusal_side": (Said("Side", "方向"), Said("", "")),
    "refusal_sent": (Said("Sent", "次数"), Said("", "")),
    "refusal_first": (Said("First due", "首次"), Said("First session due.", "首次应成交的交易日。")),
    "refusal_last": (Said("Last due", "末次"), Said("Last session due.", "末次应成交的交易日。")),
    "refusal_unfilled": (Said("Shares", "股数"), Said("", "")),
    "refusal_money": (
        Said("Money", "金额"),
        Said(
            "Unfilled shares times the price at which they were due; what is sent again counts again.",
            "未成交股数乘以应成交时的价格；重发的委托重复计入。",
        ),
    ),
    "refusal_cost": (
        Said("Cost", "代价"),
        Said(
            "What the unfilled part would have earned until the next order or decision; below 0: saved.",
            "未成交部分在下一笔委托或决定之前本可赚得的金额；小于 0 表示省下。",
        ),
    ),
    "refusal_of_cash": (
        Said("Of cash", "占本金"),
        Said("The cost as a share of the initial cash.", "代价占初始资金的比例。"),
    ),
    # data and fits
    "symbol": (Said("Symbol", "标的"), Said("", "")),
    "sessions": (Said("Sessions", "交易日"), Said("", "")),
    "missing": (Said("Without a bar", "缺失"), Said("", "")),
    "suspended": (Said("Suspended", "停牌"), Said("", "")),
    "no_volume": (Said("No volume", "零成交量"), Said("", "")),
    "st": (Said("ST", "ST"), Said("", "")),
    "last_close": (Said("Last close", "最后收盘"), Said("", "")),
    "folds": (Said("Folds", "折数"), Said("", "")),
    "first_fit": (Said("First fit on", "首次训练区间"), Said("", "")),
    "last_fit": (Said("Last fit on", "末次训练区间"), Said("", "")),
    "forecasts": (Said("Forecasts", "预测区间"), Said("", "")),
    **FORECAST_COLUMNS,
}

NAMES = {
    "market": WORDS["scope_market"],
    "all": WORDS["audience_all"],
    "public": WORDS["audience_public"],
    "institution": WORDS["audience_institution"],
    "equal weight": Said("equal weight", "等权"),
}


def both(key: str, **values: object) -> Said:
    """A label of the page by its key, placeholders filled in."""
    said = WORDS[key]
    return said.fill(**values) if values else said


def named(value: object) -> Said:
    """A scope, an audience or a benchmark as the reader calls it; any other name as it is."""
    text = str(value)
    return NAMES.get(text, Said(text, text))
