"""Advertising by its rules, empty texts, and shapes that fill a forum."""

import csv
from importlib.resources import files

import pytest

from qushi.core import ConfigError
from qushi.sentiment.cleaning.spam import (
    Templates,
    advertising_rules,
    advertising_signs,
    is_empty,
    shape_of,
)
from qushi.sentiment.identity import normalised

ADVERTISING = [
    "免费荐股，加ＱＱ群：１２３４５６７８９",
    "想赚钱的加 扣 扣 2233445566 老师带你飞",
    "牛股内幕消息请加薇信 gupiao888 每天三只",
    "股民交流群 群号：345678901",
    "万1.5超低佣金开户，手续费全国最低",
    "专业股票配资，杠杆最高十倍，电话13812345678",
    "明日涨停股已选出，想要更多牛股的请私聊我",
    "扫描下方二维码免费领取三只黑马",
    "亏损的朋友咨询电话：13900001111 免费诊股",
    "跟着老师操作稳赚，加入股票交流群",
]
OPINIONS = [
    "证监会清理场外配资，明天大盘要跌",
    "打电话问董秘，说没有应披露未披露的信息",
    "群里的老师都说要涨，结果跌停了",
    "这么好的票30之前买入稳赚不赔",
    "说跟我五五分成让我买这个股，连跌七天割肉！",
    "公司客服电话 0755-86329000 打不通",
    "转自 http://finance.example.com/a/123456.html 央行降准",
    "什么免费，都是割韭菜",
    "开户三年亏了三年，佣金都交了不少",
    "蔡昉：积极扩大中等收入群体",
    "qq概念要涨？腾讯入股了",
    "微信支付全面接入银行卡",
]


def score(text):
    return sum(rule.weight for rule in advertising_signs(normalised(text)))


@pytest.mark.parametrize("text", ADVERTISING)
def test_advertising_reaches_three_points(text):
    assert score(text) >= 3


@pytest.mark.parametrize("text", OPINIONS)
def test_advertising_opinions_stay_below_three_points(text):
    assert score(text) < 3


def test_advertising_table_has_a_weight_a_pattern_and_a_reason_each():
    table = (
        files("qushi.sentiment.cleaning")
        .joinpath("tables", "advertising.csv")
        .read_text(encoding="utf-8")
    )
    rows = list(csv.DictReader(table.splitlines()))
    assert [rule.why for rule in advertising_rules()] == [row["why"] for row in rows]
    assert len({row["why"] for row in rows}) == len(rows) >= 15
    assert all(1 <= rule.weight <= 3 and rule.why for rule in advertising_rules())


def test_advertising_every_rule_is_met_by_an_example():
    examples = [
        *ADVERTISING,
        "联系客服老师",
        "加入学习群",
        "原油开户招商",
        "无抵押贷款办理",
        "直播间名额有限",
        "选股软件，加好友，详情咨询",
        "跟着大师一对一指导，月赚3倍 www.example.com",
    ]
    met = {rule.why for text in examples for rule in advertising_signs(normalised(text))}
    assert met == {rule.why for rule in advertising_rules()}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "？？？",
        "600362",
        "SH600362",
        "000001.SZ",
        "$平安银行(SZ000001)$",
        "[图片]",
        "😭😭",
        "430047",
    ],
)
def test_empty_texts_say_nothing(text):
    assert is_empty(normalised(text))


@pytest.mark.parametrize(
    "text", ["跌", "[大哭]", "666", "111111", "3000点", "600362跌", "sell", "6003621", "万科"]
)
def test_empty_is_no_text_with_a_word_or_a_number(text):
    assert not is_empty(normalised(text))


def test_shape_is_the_same_whatever_share_number_and_code_is_filled_in():
    one = shape_of("平安银行(000001)主力净流出3.25亿元，快跑！", ("平安银行",))
    other = shape_of("万科a(sz000002)主力净流出1,204.5亿元,快跑", ("万科a",))
    assert one == other != shape_of("平安银行(000001)主力净流入3.25亿元，快跑！", ("平安银行",))


def test_template_passes_the_first_symbols_and_marks_those_after():
    seen = Templates(symbols=3, posts=100, shortest=4)
    marks = [seen.is_template("#明日必涨", f"{k}", "monday") for k in (1, 2, 3, 3, 4, 1)]
    assert marks == [False, False, False, False, True, True]


def test_template_flood_under_one_symbol_is_marked_beyond_the_limit():
    seen = Templates(symbols=100, posts=2, shortest=4)
    assert [seen.is_template("#元卖出#手", "a", 1) for _ in range(4)] == [False, False, True, True]
    assert not seen.is_template("#元卖出#手", "b", 1)


def test_template_counts_begin_anew_with_a_session():
    seen = Templates(symbols=1, posts=1, shortest=4)
    assert [seen.is_template("#明日必涨", "a", day) for day in (1, 1, 2, 2)] == [False, True] * 2
    assert len(seen._posted) == len(seen._under) == 1


def test_template_short_shapes_are_never_one():
    seen = Templates(symbols=1, posts=1, shortest=6)
    assert not any(seen.is_template("明天涨停", f"{k}", 1) for k in range(50))


def test_template_later_version_is_judged_and_not_counted():
    seen = Templates(symbols=1, posts=1, shortest=4)
    assert not seen.is_template("#明日必涨", "a", 1)
    assert not seen.is_template("#明日必涨", "a", 1, counts=False)
    assert seen.is_template("#明日必涨", "a", 1)


def test_template_refuses_limits_below_one():
    with pytest.raises(ConfigError, match="at least"):
        Templates(symbols=0, posts=1, shortest=4)
