"""Write the synthetic sample texts: `sentiment/sample/texts.csv.gz` and `labels.csv`.

    python tools/write_sample_texts.py BARS

BARS is a CSV or Parquet file of daily CSI 300 bars with `date, open, close` (the embedded sample bars
come from the same source).  Every text is put together from the phrases below with a fixed seed; nobody
ever posted one of them.  The tone of a text depends, with much noise, on returns that were known at
its time and on nothing later:

- before the close of session t: the returns of t-1 and t-2, and the gap between yesterday's close and
  today's open;
- after the close of t, on weekends and holidays: the returns of t and t-1.

The labelled sentences use other phrases in part and never repeat a dated one.
"""

import argparse
import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20160104
FIRST, LAST = "2016-01-01", "2025-12-31"
TARGET = Path(__file__).resolve().parents[1] / "sentiment" / "sample"
TONES = ("neg", "neu", "pos")

WHO = ["大盘", "沪深300", "指数", "A股", "今天的盘面", "市场", "蓝筹股", "权重股", "白马股", "券商板块"]
WHO += ["银行股", "成长股", "北向资金", "主力", "两市", "消费股", "题材股", "科技股", "我的持仓", "基金"]
OPENERS = [
    "",
    "",
    "",
    "说句实话，",
    "个人看法：",
    "唉，",
    "各位，",
    "早上好，",
    "又是一天，",
    "复盘一下，",
]
OPENERS += [
    "看了半天，",
    "老股民说一句，",
    "兄弟们，",
    "有一说一，",
    "不懂就问，",
    "随便聊聊，",
    "记录一下，",
]
ENDINGS = [
    "",
    "",
    "",
    "。",
    "！",
    "……",
    "，大家怎么看？",
    "，就这样吧",
    "，先睡了",
    "，明天再看",
    "[捂脸]",
]
ENDINGS += ["，你们呢", "，仅供参考", "，欢迎讨论", "，不说了", "？？", "，记住我的话"]

PUBLIC = {
    "neg": [
        "又跌了，心态崩了", "跌得受不了，割肉走人", "这是要跌停的节奏", "天天阴跌，套得死死的",
        "亏麻了，再也不碰了", "资金一直在出逃", "感觉还要大跌，赶紧跑", "反弹就是出货，别上当",
        "又被埋了，欲哭无泪", "恐慌盘出来了，没人接", "利空不断，看不到底", "破位了，止损要紧",
        "韭菜又被收割了一轮", "高位接盘，站岗好几年", "一开盘就砸，太狠了", "绿得发慌，不敢看账户",
        "没有最低，只有更低", "空头太强，毫无抵抗", "踩踏了，跑都跑不掉", "信心没了，清仓观望",
        "跌破支撑，后面更惨", "融资盘要爆了", "年线都丢了，完了", "害怕，昨晚一夜没睡",
    ],
    "neu": [
        "横盘震荡，没什么方向", "成交量一般，观望为主", "今天怎么没动静", "有人知道几点公布数据吗",
        "等一个明确的信号", "半仓不动，先看看", "涨跌互现，分化明显", "窄幅整理，耐心等待",
        "今天没操作，持股不动", "想问一下手续费怎么算", "这个位置不好说", "新人报到，请多关照",
        "均线粘合，等待选择方向", "缩量整理，波澜不惊", "打新中签率多少", "平开平走，没有看点",
        "研究了一下财报，还没结论", "周末有什么消息吗", "多空平衡，继续等", "持有还是换股，纠结",
    ],
    "pos": [
        "大涨了，终于解套", "涨势喜人，继续拿着", "放量突破，牛市来了", "红红火火，今天吃肉",
        "底部已现，大胆加仓", "利好来了，明天高开", "资金大举流入，看好后市", "抄底成功，开心",
        "稳步上攻，目标新高", "强势反弹，信心回来了", "满仓干，别犹豫", "回调就是机会，继续买",
        "主升浪开始了", "赚了一个月工资，舒服", "量价齐升，形态漂亮", "春天到了，坚定持有",
        "多头排列，前景光明", "踏空的该着急了", "翻红了，太给力", "低估值，长期价值凸显",
        "涨停板越来越多，人气旺", "空头投降吧", "站上年线，趋势转好", "新高在望，拿住",
    ],
}  # fmt: skip
INSTITUTION = {
    "neg": [
        "{who}大幅下挫，市场避险情绪升温", "分析师下调盈利预测，提示估值风险",
        "两市成交萎缩，{who}承压走低", "外围市场重挫，机构建议控制仓位",
        "融资余额连续下降，{who}遭资金净流出", "经济数据不及预期，{who}走弱",
        "机构：短期调整压力加大，谨慎为上", "监管趋严，{who}集体下跌", "多只个股跌停，恐慌情绪蔓延",
        "流动性收紧担忧再起，{who}跳水", "研报：盈利下行周期未完，下调评级",
        "贸易摩擦升级，{who}低开低走",
    ],
    "neu": [
        "{who}窄幅震荡，成交额与前日持平", "央行开展公开市场操作，利率维持不变",
        "机构：市场或延续区间震荡", "统计局将公布月度数据，市场观望", "{who}收盘涨跌不一，结构分化",
        "交易所发布通知，调整交易安排", "上市公司披露定期报告，业绩符合预期",
        "分析师维持中性评级，等待政策信号", "{who}午间收盘变动不大", "公募基金规模与上月基本一致",
    ],
    "pos": [
        "{who}放量上涨，市场情绪回暖", "央行宣布降准，释放流动性", "机构上调盈利预测，看好后市表现",
        "北向资金大幅净流入，{who}走强", "经济数据超预期，{who}全线上扬",
        "政策利好密集出台，{who}高开高走", "研报：估值处于低位，上调至增持",
        "两市成交破万亿，{who}领涨", "外资连续加仓，信心修复", "企业盈利改善，机构建议积极布局",
        "{who}创阶段新高，赚钱效应提升", "减税政策落地，市场反应积极",
    ],
}  # fmt: skip
LABELLED = {
    "neg": [
        "亏得一塌糊涂", "跌跌不休何时到头", "垃圾行情，散户没活路", "庄家砸盘太凶", "割在地板上了",
        "吓得赶紧清仓", "暴跌之后还有暴跌", "怕是要崩盘", "机构集体减持", "业绩爆雷，下调评级",
        "亏损扩大，风险上升", "主力资金净流出",
    ],
    "neu": [
        "请问怎么开通权限", "暂时空仓等消息", "没有方向，继续观望", "和昨天差不多", "成交平平",
        "今天休市吗", "公司发布例行公告", "股东大会下周召开", "收盘基本持平", "中性看待，不追不杀",
        "评级维持不变", "有没有交流群",
    ],
    "pos": [
        "赚翻了，感谢市场", "涨得漂亮", "大阳线，气势如虹", "果断加仓等涨", "行情起来了",
        "突破前高，空间打开", "业绩大增，值得拥有", "机构调研密集，关注升温", "回购增持，彰显信心",
        "上调评级至买入", "资金抢筹", "拿稳了就是赢家",
    ],
}  # fmt: skip
MIXED = ["虽然{a}，但是{b}", "{a}，不过{b}", "有人说{a}，我看{b}", "昨天还{a}，现在{b}"]


def sentence(
    generator: np.random.Generator, tone: str, audience: str, bank: dict[str, list[str]]
) -> str:
    """One text of a tone; now and then a clause of another tone stands before it."""
    phrase = str(generator.choice(bank[tone]))
    who = str(generator.choice(WHO))
    if audience == "institution":
        return phrase.format(who=who) if "{who}" in phrase else phrase
    roll = generator.random()
    if roll < 0.15:
        other = str(generator.choice(bank[str(generator.choice(TONES))]))
        phrase = str(generator.choice(MIXED)).format(a=other, b=phrase)
    elif roll < 0.30:
        phrase = f"{phrase}，{generator.choice(bank[tone])}"
    subject = f"{who}{generator.choice(['', '，', ' '])}" if generator.random() < 0.55 else ""
    return f"{generator.choice(OPENERS)}{subject}{phrase}{generator.choice(ENDINGS)}"


def draw_tone(generator: np.random.Generator, mood: float, audience: str) -> str:
    """A tone from a mood (about -2 to 2); a quarter of the texts pay no attention to the market."""
    if generator.random() < 0.25:
        mood = 0.0
    pull = 0.9 if audience == "public" else 0.6
    odds = np.exp(
        np.array([-pull * mood - (0.1 if audience == "institution" else -0.1), 0.1, pull * mood])
    )
    return str(generator.choice(TONES, p=odds / odds.sum()))


def read_bars(path: Path) -> pd.DataFrame:
    """`open` and `close` by session."""
    bars = (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, encoding="utf-8-sig")
    )
    bars.columns = [str(c).strip().lower() for c in bars.columns]
    name = "date" if "date" in bars.columns else "session"
    return (
        bars.assign(date=pd.to_datetime(bars[name])).set_index("date")[["open", "close"]].astype(float)
    )


def moods(bars: pd.DataFrame) -> pd.DataFrame:
    """What can be felt in a session: `before` its close, `after` its close; `stir`: how many write."""
    change = np.log(bars["close"]).diff()
    scale = change.rolling(250, min_periods=60).std()
    gap = np.log(bars["open"] / bars["close"].shift(1))
    yesterday = change.shift(1) / scale.shift(1)
    table = pd.DataFrame(index=bars.index)
    table["before"] = 0.5 * yesterday + 0.25 * yesterday.shift(1) + 0.8 * gap / scale.shift(1)
    table["after"] = 0.8 * change / scale + 0.3 * yesterday
    table["stir"] = 1.0 + 0.6 * yesterday.abs().clip(upper=3)
    return table.clip(-2.5, 2.5).loc[FIRST:LAST].fillna(0.0)


def moments_of(
    generator: np.random.Generator, day: pd.Timestamp, following: pd.Timestamp, mood: pd.Series
) -> list[tuple[pd.Timestamp, float, str]]:
    """Moments, moods and audiences of the texts from a session's morning to the next session's."""
    found = []
    for audience, rate in (("public", 2.2), ("institution", 1.0)):
        for _ in range(generator.poisson(rate * mood["stir"] / 1.45)):
            seconds = int(generator.integers(0, 5 * 3600 + 1500))
            found.append((day + pd.Timedelta("09:35:00") + pd.Timedelta(seconds=seconds),
                          float(mood["before"]), audience))  # fmt: skip
        days = (following - day).days
        for _ in range(generator.poisson(0.45 * rate + 0.15 * rate * (days - 1))):
            late = pd.Timedelta("15:05:00") + pd.Timedelta(seconds=int(generator.integers(0, 8 * 3600)))
            offset = pd.Timedelta(days=int(generator.integers(0, days)))
            found.append((day + offset + late, float(mood["after"]), audience))
    return found


def dated_texts(bars: pd.DataFrame) -> pd.DataFrame:
    """`id, time, audience, body`, sorted by time; times are Asia/Shanghai."""
    generator = np.random.default_rng(SEED)
    table = moods(bars)
    rows = []
    for number, day in enumerate(table.index):
        following = table.index[number + 1] if number + 1 < len(table) else day + pd.Timedelta(days=1)
        for at, mood, audience in moments_of(generator, day, following, table.loc[day]):
            bank = PUBLIC if audience == "public" else INSTITUTION
            tone = draw_tone(generator, mood, audience)
            rows.append((at, audience, sentence(generator, tone, audience, bank)))
    frame = pd.DataFrame(rows, columns=["time", "audience", "body"]).sort_values("time", kind="stable")
    frame = frame.reset_index(drop=True)
    frame.insert(0, "id", [f"sample-{i:05d}" for i in range(len(frame))])
    return frame


def labelled_texts(dated: pd.DataFrame, size: int = 2400) -> pd.DataFrame:
    """`label, text`: balanced but for a few more negatives; four in a hundred labels are wrong."""
    generator = np.random.default_rng(SEED + 1)
    taken = set(dated["body"])
    rows: list[tuple[str, str]] = []
    while len(rows) < size:
        tone = str(generator.choice(TONES, p=[0.38, 0.27, 0.35]))
        audience = str(generator.choice(["public", "institution"], p=[0.7, 0.3]))
        bank = PUBLIC if audience == "public" else INSTITUTION
        if audience == "public" and generator.random() < 0.4:
            bank = {t: LABELLED[t] + PUBLIC[t] for t in TONES}
        text = sentence(generator, tone, audience, bank)
        if audience == "institution":  # the headlines are few: a varied lead keeps them apart
            text = f"{generator.choice(['快讯：', '要闻｜', '收评：', '早报：', '午评：'])}{text}"
        if text in taken:
            continue
        taken.add(text)
        rows.append((str(generator.choice(TONES)) if generator.random() < 0.06 else tone, text))
    return pd.DataFrame(rows, columns=["label", "text"])


def main() -> None:
    """Write both files; the same bars give the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bars", type=Path, help="CSV or Parquet of CSI 300 bars: date, open, close")
    dated = dated_texts(read_bars(parser.parse_args().bars))
    TARGET.mkdir(parents=True, exist_ok=True)
    with io.BytesIO() as buffer:
        with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=9) as packed:
            packed.write(dated.to_csv(index=False, date_format="%Y-%m-%d %H:%M:%S").encode())
        (TARGET / "texts.csv.gz").write_bytes(buffer.getvalue())
    labelled_texts(dated).to_csv(TARGET / "labels.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
