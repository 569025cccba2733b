"""The words of the page that are about forecasts and models, in English and Chinese.

Data like `words.py`, which looks them up: only apart because one file would be too long.
"""

from ..core.notes import Said

FORECAST_WORDS: dict[str, Said] = {
    "mark_contaminated": Said("may have been trained on these sessions", "训练数据可能已包含这些交易日"),
    # error by step
    "by_step": Said("Error by step", "各步误差"),
    "by_step_note": Said(
        "Mean absolute error over that of repeating the last value, by the sessions ahead; seeds are "
        "averaged. At 1 (the broken line) a model knows nothing.",
        "平均绝对误差与“沿用上一个值”之比，按向前的交易日数；各种子取平均。1（虚线）即等于没有模型。",
    ),
    "step_rows": Said(
        "Of several steps the first and the last stand in the table.", "多步预测在表中只列首步与末步。"
    ),
    "axis_step": Said("sessions ahead", "向前交易日数"),
    # calibration
    "calibration": Said("Calibration", "概率校准"),
    "calibration_note": Said(
        "Each point is a tenth of a model's forecasts, by the probability of a rise that it stated "
        "(across), against the share that rose (up); on the broken line the probabilities are true. "
        "The whisker is Wilson's 95 % interval on the independent rows, the bar at the foot counts the "
        "forecasts, faint points are further seeds.",
        "每点为该模型预测的十分之一，按其给出的上涨概率（横轴）与实际上涨比例（纵轴）；落在虚线上即概率真实。"
        "竖线为按独立样本计的威尔逊 95% 区间，底部柱为预测数，浅点为其他种子。",
    ),
    "axis_stated": Said("stated probability of a rise", "给出的上涨概率"),
    "reliability_n": Said("n = {n}", "n = {n}"),
    "intervals": Said("Intervals", "区间覆盖"),
    "intervals_note": Said(
        "How many outcomes fell inside the stated interval, against how many should have. Below its "
        "bounds: too narrow, the model is surer than it may be; above: too wide.",
        "实际结果落入所给区间的比例，与应有比例相比。低于下界说明区间过窄、模型过于自信；高于上界则过宽。",
    ),
    "too_narrow": Said("too narrow", "过窄"),
    "too_wide": Said("too wide", "过宽"),
    "of_nominal": Said("of {share}", "应为 {share}"),
    # forecast against actual
    "against": Said("Forecast against actual", "预测与实际"),
    "against_note": Said(
        "What was said out of sample, and what came. A return (log, %) stands on the session of its "
        "decision; a price, volume or volatility on the session it is about, in prices as of the "
        "decision. Thin lines are the outermost interval. Any price forecast hugs the price, even "
        "one that repeats the last value: only the error says whether it knows anything.",
        "样本外的预测与其结果。收益（对数，%）画在作出决定的交易日；价格、成交量或波动率画在所预测的交易日，"
        "价格按决定当日的口径。细线为最外侧区间。任何价格预测看上去都紧贴价格，连“沿用上一个值”也是如此：是否真有所知，只看误差。",
    ),
    "capped": Said(
        "The last {kept} sessions of {drawn} of {all} symbols are drawn, to keep the page small; the "
        "run's forecasts.parquet holds all.",
        "为控制页面大小，只绘出 {all} 个标的中 {drawn} 个的最近 {kept} 个交易日；"
        "全部预测见 forecasts.parquet。",
    ),
    "newest": Said("The newest forecast", "最新预测"),
    "newest_note": Said(
        "The last candles, and after them what the model says: hollow candles where it states prices, "
        "else the path from the last close that its expected return implies. Thin lines are the "
        "outermost interval. Days that the exchange has not announced yet are counted as weekdays.",
        "先是最近的 K 线，其后为模型所述：给出价格时为空心 K 线，否则为其预期收益自最后收盘起的路径。"
        "细线为最外侧区间。交易所尚未公布的日子按工作日计。",
    ),
    "model_choice": Said("Model", "模型"),
    "step": Said("Sessions ahead", "向前交易日"),
    "forecast": Said("Forecast", "预测"),
    "actual": Said("Actual", "实际"),
    "interval": Said("Interval", "区间"),
    "p_up": Said("P(up)", "上涨概率"),
    "of_open": Said("open", "开盘价"),
    "of_high": Said("high", "最高价"),
    "of_low": Said("low", "最低价"),
    "of_close": Said("close", "收盘价"),
    "of_mid": Said("mid price", "中间价"),
    "of_expected": Said("expected path", "预期路径"),
    # training
    "losses": Said("Loss by epoch", "各轮次损失"),
    "losses_note": Said(
        "One pair of lines a fit: each fold, and each seed. The dot is the epoch whose weights were "
        "kept, chosen on validation, never on the forecasts.",
        "每次训练（每折、每种子）一对曲线。圆点为采用其权重的轮次，由验证集选出，从不依据预测结果。",
    ),
    "key_train": Said("training", "训练"),
    "key_valid": Said("validation", "验证"),
    "key_best": Said("kept", "采用"),
    "axis_epoch": Said("epoch", "轮次"),
    "loss_fits": Said("{drawn} of {all} fits", "{all} 次训练中的 {drawn} 次"),
    # importance
    "importance": Said("Feature importance", "特征重要性"),
    "importance_note": Said(
        "What the error gains, in percent, when a feature is taken from another window; on the last "
        "fold's forecasts, out of sample. The whisker is the spread over the repeats. About 0: not "
        "used, or of no use. Features that say the same share their worth.",
        "把某一特征换成另一窗口的数据后误差增加的百分比，只用最后一折的样本外预测。横线为重复之间的离散程度。"
        "约等于 0 表示未被使用或没有用处。含义相同的特征会分摊重要性。",
    ),
    "importance_base": Said("{loss} {base}, n = {n}", "{loss} {base}，n = {n}"),
    "importance_more": Said(", {n} more features", "，另有 {n} 个特征"),
    "loss_mae": Said("mean absolute error", "平均绝对误差"),
    "loss_log": Said("log loss", "对数损失"),
    "plots_left": Said(
        "{drawn} of {all} models are drawn; the files of the run hold all.",
        "只绘出 {all} 个模型中的 {drawn} 个；运行文件中有全部。",
    ),
}

FORECAST_COLUMNS: dict[str, tuple[Said, Said]] = {
    "horizon": (
        Said("Ahead", "步数"),
        Said("Sessions that the forecast reaches ahead.", "预测向前的交易日数。"),
    ),
    "target": (
        Said("Target", "目标"),
        Said("What the model forecasts; the errors are about it.", "模型预测什么；误差即针对它。"),
    ),
    "coverage": (
        Said("Coverage", "覆盖率"),
        Said(
            "Share of outcomes inside the outermost stated interval, and what it promises.",
            "结果落入最外侧区间的比例，及其应有比例。",
        ),
    ),
    "train_seconds": (
        Said("Training s", "训练秒"),
        Said("CPU seconds of all fits.", "全部训练所用的 CPU 秒数。"),
    ),
    "nominal": (Said("Stated", "应有"), Said("What the interval promises.", "区间所承诺的比例。")),
    "measured": (
        Said("Measured", "实测"),
        Said("Share of the outcomes inside it.", "结果落入区间的比例。"),
    ),
    "bounds": (
        Said("95 % bounds", "95% 界"),
        Said("Wilson's interval on the independent rows.", "按独立样本计的威尔逊区间。"),
    ),
}

TARGETS: dict[str, Said] = {
    "return": Said("return", "收益"),
    "trend": Said("trend", "涨跌"),
    "direction": Said("direction", "涨平跌"),
    "open": Said("open", "开盘价"),
    "high": Said("high", "最高价"),
    "low": Said("low", "最低价"),
    "close": Said("close", "收盘价"),
    "mid": Said("mid price", "中间价"),
    "volume": Said("volume", "成交量"),
    "amount": Said("amount", "成交额"),
    "volatility": Said("volatility", "波动率"),
}
