"""The words of the panic page, in English and Chinese.

What it shares with the report is in `words.py`.
"""

from ..core.notes import Said
from . import words

PANIC_WORDS: dict[str, Said] = {
    # the frame
    "panic_page": Said("Panic index", "恐慌指数"),
    "panic_window": Said("Sessions drawn", "绘出区间"),
    "panic_texts": Said("Texts counted", "计入文本"),
    "left_by_cleaning": Said("{n} left out by cleaning", "清洗剔除 {n} 条"),
    "panic_sources": Said("Sources", "来源"),
    "panic_scopes": Said("Scopes", "范围"),
    "scopes_n": Said("{n} symbols", "{n} 个标的"),
    "sources_more": Said("{name} and {n} more", "{name} 等 {all} 个"),
    "panic_classifier": Said("Read by", "判读者"),
    "read_better": Said("{accuracy} right, majority {majority}", "准确率 {accuracy}，多数类 {majority}"),
    "no_alignment": Said(
        "An index that moves with the market on the same day describes it. That is alignment, not "
        "prediction: nothing on this page says what comes next.",
        "指数与市场当日同动，只是对市场的描述。这是同步，不是预测：本页没有任何内容说明此后会怎样。",
    ),
    "how_defined": Said("How the index is defined", "指数如何定义"),
    "colophon_panic": Said(
        "The index says how frightened texts were. It is no forecast and no advice.",
        "指数只说明文本有多恐慌，既不是预测，也不是投资建议。",
    ),
    # the panes
    "panes": Said("The index, session by session", "逐日指数"),
    "panes_note": Said(
        "0 is calm, 100 is panic; a gap means no information, never calm, and no line crosses it. "
        "Marked sessions stand at {low} or below, or at {high} or above. Click a session, or use the "
        "arrow keys, to read its texts.",
        "0 为平静，100 为恐慌；空缺表示没有信息，而不是平静，曲线不跨越空缺。"
        "标出的是不高于 {low} 或不低于 {high} 的交易日。点击某个交易日，或用方向键，可阅读当日文本。",
    ),
    "price_red": Said(
        "Red rises, green falls; prices are adjusted to the last.", "红涨绿跌；价格按最后一日复权。"
    ),
    "price_green": Said(
        "Green rises, red falls; prices are adjusted to the last.", "绿涨红跌；价格按最后一日复权。"
    ),
    "implied_note": Said(
        "Fear that options imply stands apart: nothing of it is in the index.",
        "期权隐含的恐慌单独列出，不计入指数。",
    ),
    "scopes_left": Said(
        "{drawn} of {all} scopes are drawn, those with most texts, to keep the page small; "
        "qushi panic --out writes all.",
        "为控制页面大小，只绘出 {all} 个范围中文本最多的 {drawn} 个；qushi panic --out 可写出全部。",
    ),
    "texts_left": Said(
        "Of {all} texts counted the page holds {kept}: at most the {per} most frightened of a session, "
        "scope and audience.",
        "计入的 {all} 条文本中，本页保留 {kept} 条：每个交易日、范围和人群最多 {per} 条最恐慌的。",
    ),
    "texts_left_early": Said(
        "Sessions before {first} list none, to keep the page small.",
        "为控制页面大小，{first} 之前的交易日不列文本。",
    ),
    "no_texts": Said("The page was made without the texts.", "本页未附文本。"),
    "scope_choice": Said("Scope", "范围"),
    "group_all": Said("All", "全部"),
    "group_sectors": Said("Sectors", "行业"),
    "group_symbols": Said("Symbols", "标的"),
    "sector": Said("sector {name}", "行业 {name}"),
    "audience_divergence": Said("public minus institutions", "公众减机构"),
    "session_choice": Said("Session", "交易日"),
    "earlier": Said("Earlier session", "前一交易日"),
    "later": Said("Later session", "后一交易日"),
    "chart_label": Said(
        "Charts by session. Left and right arrows choose a session, Page Up and Page Down move by a "
        "month, Home and End go to the ends. All values are in the table below.",
        "逐日图表。左右方向键选择交易日，上下翻页键移动一个月，Home 与 End 到两端。全部数值见下方表格。",
    ),
    "pane_panic": Said("Panic, 0 – 100", "恐慌指数，0 – 100"),
    "pane_divergence": Said("Panic of the public minus institutions", "恐慌指数：公众减机构"),
    "pane_quality": Said("Quality", "质量"),
    "pane_effective": Said("Effective count and texts", "有效条数与文本数"),
    "pane_attention": Said("Abnormal attention", "异常关注度"),
    "pane_agreement": Said("Agreement", "一致度"),
    "pane_implied": Said("Implied fear, kept apart", "隐含恐慌，单独列出"),
    "pane_price": Said("Price", "价格"),
    "quality_ok": Said("ok", "充足"),
    "quality_thin": Said("thin", "稀少"),
    "quality_none": Said("none", "无"),
    "quality_key": Said("Quality", "质量"),
    "value_panic": Said("Panic", "恐慌"),
    "value_divergence": Said("Divergence", "分歧"),
    "value_z": Said("z", "z"),
    "value_quality": Said("Quality", "质量"),
    "value_texts": Said("Texts", "文本数"),
    "value_effective": Said("Effective", "有效条数"),
    "value_attention": Said("Attention", "关注度"),
    "value_agreement": Said("Agreement", "一致度"),
    "value_bearishness": Said("Bearishness", "看跌度"),
    "value_session_bearishness": Said("Without decay", "未衰减"),
    "value_session": Said("Session", "交易日"),
    "value_close": Said("Close", "收盘"),
    "no_price": Said("no price", "无价格"),
    # a session
    "frightened": Said("The most frightened texts", "最恐慌的文本"),
    "shown_of": Said(
        "{shown} of {all} texts, by the probability that they are negative",
        "{all} 条文本中的 {shown} 条，按判为负面的概率排列",
    ),
    "none_kept": Said("No text of this session is kept on the page.", "本页未保留该交易日的文本。"),
    "none_written": Said(
        "No text counted in this session: the index decays and copies nothing.",
        "没有文本计入该交易日：指数只衰减，不沿用旧文本。",
    ),
    "choose_session": Said("Choose a session above.", "请在上方选择一个交易日。"),
    "counts_from": Said("counts from {time}", "自 {time} 起计入"),
    "counted_in": Said("counted in {session}", "计入 {session}"),
    "weighs": Said("weight {weight}", "权重 {weight}"),
    "cut_off": Said("… {n} more characters", "…… 另有 {n} 字"),
    "p_neg": Said("negative", "负面"),
    "p_neu": Said("neutral", "中性"),
    "p_pos": Said("positive", "正面"),
    "local_clock": Said("Times are the exchange's clock ({zone}).", "时间为交易所当地时间（{zone}）。"),
    # the table
    "as_table": Said("The same as a table", "以表格查看"),
    "as_table_note": Said(
        "The chosen scope and audience, latest session first. Click a session to read its texts.",
        "所选范围与人群，最近的交易日在前。点击交易日可阅读其文本。",
    ),
    # what is behind it
    "settings": Said("Settings of the index", "指数设置"),
    "cleaning": Said("What cleaning found", "清洗结果"),
    "cleaning_texts": Said("Texts looked at", "检查的文本"),
    "cleaning_kept": Said("Texts kept", "保留文本"),
    "cleaning_dropped": Said("{n}, left out", "{n}，已剔除"),
    "cleaning_counted": Said("{n}, counted all the same", "{n}，仍计入"),
    "definition": Said("Definition", "定义"),
    "definition_counts": Said(
        "Each text counts from the moment it could be read, in the first session whose cut-off is not "
        "before that. Its probabilities of negative, neutral and positive are summed by session and "
        "decay by sessions, half-life h = {half_life}:",
        "每条文本自可读之时起计入，归入截止时间不早于该时刻的第一个交易日。其负面、中性、正面概率按交易日求和，"
        "并按交易日衰减，半衰期 h = {half_life}：",
    ),
    "definition_bearishness": Said(
        "Bearishness, 0 where balanced or empty:", "看跌度，均衡或无文本时为 0："
    ),
    "definition_panic": Said(
        "Panic is the percentile of today's bearishness among the previous W ≤ {window} sessions that "
        "have a value, today excluded, at least {min_history} of them, drawn towards 50 where the "
        "effective count E is below {n_min}:",
        "恐慌指数为今日看跌度在此前 W ≤ {window} 个有值交易日（不含今日，至少 {min_history} 个）"
        "中的百分位；"
        "有效条数 E 低于 {n_min} 时向 50 收缩：",
    ),
    "definition_edges": Said(
        "Quality is none below E = 1 and thin below E = {n_min}. None, or too short a history, gives no "
        "value. The value of a session is final at its cut-off ({cutoff}) and trades at the next open. "
        "Bearishness and agreement follow Antweiler & Frank (2004), with the sign turned.",
        "E 低于 1 时质量为“无”，低于 {n_min} 时为“稀少”。质量为“无”或历史过短则没有数值。"
        "当日数值在截止时间（{cutoff}）定稿，于下一交易日开盘才可交易。"
        "看跌度与一致度依 Antweiler 与 Frank（2004），符号相反。",
    ),
    "at_the_close": Said("the close, {clock}", "收盘 {clock}"),
    "without_information": Said(
        "{share} of the sessions of the first view have no information.",
        "首屏所示交易日中有 {share} 没有信息。",
    ),
    # the study
    "study": Said("What the index is worth", "指数有何价值"),
    "study_note": Said(
        "{scope}, {audience}; {n} sessions, {first} – {last}. Bars are two standard errors. Only what "
        "lies after the session could be prediction; {looks} figures were looked at, and chance alone "
        "makes some of them large.",
        "{scope}，{audience}；{n} 个交易日，{first} – {last}。误差线为两倍标准误。"
        "只有交易日之后的部分才可能是预测；共看了 {looks} 个数字，仅凭偶然其中也会有较大的。",
    ),
    "study_lead_lag": Said("Before, with and after the market", "先于、同步与后于市场"),
    "study_lead_lag_note": Said(
        "Correlation of the index of a session with the return so many sessions later. Left of the "
        "line is the past, on it the same session; only to its right the index came first.",
        "某日指数与其后若干交易日收益的相关。竖线左侧为过去，线上为当日；只有右侧才是指数在先。",
    ),
    "study_events": Said("Around extreme sessions", "极端交易日前后"),
    "study_events_note": Said(
        "Mean log return, %: up to the session back from its close, after it from the next open on. "
        "The broken lines are what the same events give on shuffled dates (95 %).",
        "平均对数收益，%：当日及之前自当日收盘向后看，之后自次日开盘起算。虚线为日期打乱后同样事件的结果（95%）。",
    ),
    "study_quantiles": Said("By quantile of panic", "按恐慌分位"),
    "study_quantiles_note": Said(
        "Mean log return, %, from the next open over h sessions, calmest sessions left. The bounds are "
        "those of the whole sample: nobody could have traded the sort.",
        "自次日开盘起 h 个交易日的平均对数收益，%，左为最平静。分位界限取自全样本：无人可据此交易。",
    ),
    "study_tests": Said("Every family of looks", "各组检验"),
    "axis_lag": Said("sessions after the index", "指数之后的交易日数"),
    "axis_offset": Said("sessions from the event", "距事件的交易日数"),
    "axis_quantile": Said("quantile of panic", "恐慌分位"),
    "zone_panic": Said("panic at {level} or above", "恐慌不低于 {level}"),
    "zone_calm": Said("panic at {level} or below", "恐慌不高于 {level}"),
    "events_n": Said("{n} events", "{n} 次"),
    "h_sessions": Said("{h} sessions", "{h} 个交易日"),
    "form_level": Said("level", "水平"),
    "form_change": Said("change", "变化"),
    "target_return": Said("return", "收益"),
    "against_target": Said("{index} of the index, {target}", "指数{index}，{target}"),
    "asks_past": Said("the past", "过去"),
    "asks_future": Said("the future", "未来"),
}

PANIC_COLUMNS: dict[str, tuple[Said, Said]] = {
    "family": (
        Said("Family", "检验组"),
        Said("A group of looks at one question.", "针对同一问题的一组检验。"),
    ),
    "asks": (
        Said("About", "关于"),
        Said("Whether it asks about the past or the future.", "关于过去还是未来。"),
    ),
    "looks": (Said("Looks", "个数"), Said("Figures looked at.", "所看数字的个数。")),
    "best": (Said("Largest", "最大者"), Said("Where the largest one stands.", "最大者所在位置。")),
    "statistic": (
        Said("t", "t"),
        Said("Its t, or z among shuffled dates.", "其 t 值，或与打乱日期相比的 z 值。"),
    ),
    "p_max": (
        Said("p of largest", "最大者 p"),
        Said(
            "Chance that the largest of so many looks is this large, against shuffled dates.",
            "与打乱日期相比，同样多的检验中最大者达到此值的概率。",
        ),
    ),
    "p_joint": (
        Said("p, all paid", "校正后 p"),
        Said(
            "The same, paid for all families that ask about the future.",
            "对所有关于未来的检验组一并校正后的概率。",
        ),
    ),
}

SETTINGS: dict[str, Said] = {
    "half_life": Said("Half-life (sessions)", "半衰期（交易日）"),
    "window": Said("Ranked against, at most (sessions)", "排名窗口上限（交易日）"),
    "min_history": Said("Ranked against, at least (sessions)", "排名窗口下限（交易日）"),
    "n_min": Said("Thin below an effective count of", "有效条数低于此值为稀少"),
    "z_clip": Said("z is cut at", "z 值截断于"),
    "cutoff": Said("Cut-off (local clock)", "截止时间（当地）"),
    "hard_labels": Said("Counts whole labels", "按硬标签计数"),
    "weights": Said("Weights", "权重"),
}

WEIGHTS: dict[str, Said] = {
    "given": Said("as given with the texts", "按文本自带权重"),
    "none": Said("all alike", "一律相同"),
    "reads": Said("1 + ln(1 + reads)", "1 + ln(1 + 阅读数)"),
    "comments": Said("1 + ln(1 + comments)", "1 + ln(1 + 评论数)"),
    "both": Said("product of reads and comments", "阅读与评论之积"),
}

CLEANING: dict[str, Said] = {
    "empty": Said("Empty", "无内容"),
    "advertising": Said("Advertising", "广告"),
    "template": Said("Template", "模板"),
    "copy": Said("Copy of an earlier text", "与先前文本重复"),
}

SCRIPT_WORDS = (
    *(
        key
        for key in PANIC_WORDS
        if key.startswith(("pane_", "value_", "quality_", "audience_", "group_"))
    ),
    *("audience_all", "audience_public", "audience_institution", "scope_market", "sector", "no_value"),
    *("shown_of", "none_kept", "none_written", "choose_session", "counts_from", "counted_in", "weighs"),
    *("cut_off", "p_neg", "p_neu", "p_pos", "chart_label", "no_price", "more_columns", "no_texts"),
    *("open", "high", "low", "close", "benchmark"),
)


def both(key: str, **values: object) -> Said:
    """A label of the page by its key, placeholders filled in; the report's own where it is not here."""
    if key not in PANIC_WORDS:
        return words.both(key, **values)
    said = PANIC_WORDS[key]
    return said.fill(**values) if values else said


def named(value: object) -> Said:
    """A scope or an audience as the reader calls it; any other name as it is."""
    text = str(value)
    if text.startswith("sector:"):
        return both("sector", name=text.removeprefix("sector:"))
    return PANIC_WORDS["audience_divergence"] if text == "divergence" else words.named(text)
