"""The functions of akshare that bring texts with a time: one declaration each.

Left out, because a text or its time is missing.  `stock_hot_rank_*`, `stock_hot_keyword_em`,
`stock_comment_*`, `stock_js_weibo_report`, `index_news_sentiment_scope`: ranks and scores of
popularity, without a word that anybody wrote.  `stock_sns_sseinfo`: times like "yesterday 18:22", and
72 requests before the first text.  `news_economic_baidu` and its sisters: calendars whose rows hold the
outcome.

Of the columns only those named here are used.  What a row says besides may be later than its time: the
answer beside a question, the number of reports in the last month, forecasts as they stand today.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ...core.texts import Audience
from ._base import SHANGHAI, Precision

What = Literal[
    "futures_news_shmet",
    "news_cctv",
    "stock_individual_notice_report",
    "stock_info_cjzc_em",
    "stock_info_global_cls",
    "stock_info_global_em",
    "stock_info_global_futu",
    "stock_info_global_sina",
    "stock_info_global_ths",
    "stock_irm_cninfo",
    "stock_news_em",
    "stock_news_main_cx",
    "stock_notice_report",
    "stock_research_report_em",
    "stock_zh_a_disclosure_report_cninfo",
]

By = Literal["newest", "symbol", "year", "day"]
"""How it is asked: for the newest; for the newest of a symbol; for a symbol's year; for a day."""

MACHINE = "machine"
"""The zone of times that akshare writes in the zone of the machine it runs on."""


@dataclass(frozen=True)
class Feed:
    """What one function of akshare brings.

    columns
        Our name -> its column.  `time`, or `date` with a `clock`; none of them: a text counts from when
        it was seen.
    nothing
        Where in the site's answer an empty list or a 0 says that there is none: akshare itself stumbles.
    over
        The local time from which a day can be asked for.
    """

    source: str
    by: By
    columns: Mapping[str, str]
    reach: str
    audience: Audience = "institution"
    precision: Precision = "second"
    arguments: Mapping[str, str] = field(default_factory=dict)
    zone: str = SHANGHAI
    nothing: tuple[str, ...] = ()
    pages: bool = False
    over: str = "00:00"


FEEDS: Mapping[str, Feed] = {
    "stock_info_global_em": Feed(
        "eastmoney-flash",
        "newest",
        {"title": "标题", "body": "摘要", "time": "发布时间", "id": "链接"},
        "the newest 200",
    ),
    "stock_info_global_sina": Feed(
        "sina-flash", "newest", {"body": "内容", "time": "时间"}, "the newest 20"
    ),
    "stock_info_global_futu": Feed(
        "futu-flash",
        "newest",
        {"title": "标题", "body": "内容", "time": "发布时间", "id": "链接"},
        "the newest 50",
        zone=MACHINE,
    ),
    "stock_info_global_ths": Feed(
        "10jqka-flash",
        "newest",
        {"title": "标题", "body": "内容", "time": "发布时间", "id": "链接"},
        "the newest 20",
        zone=MACHINE,
    ),
    "stock_info_global_cls": Feed(
        "cls-flash",
        "newest",
        {"title": "标题", "body": "内容", "date": "发布日期", "clock": "发布时间"},
        "the newest 20",
        arguments={"symbol": "全部"},
    ),
    "stock_info_cjzc_em": Feed(
        "eastmoney-breakfast",
        "newest",
        {"title": "标题", "body": "摘要", "time": "发布时间", "id": "链接"},
        "the newest 400, one a day",
    ),
    "stock_news_main_cx": Feed(
        "caixin-news",
        "newest",
        {"body": "summary", "id": "url"},
        "the newest 100",
    ),
    "futures_news_shmet": Feed(
        "shmet-flash",
        "newest",
        {"body": "内容", "time": "发布时间"},
        "the newest 100",
        arguments={"symbol": "全部"},
    ),
    "stock_news_em": Feed(
        "eastmoney-news",
        "symbol",
        {"title": "新闻标题", "body": "新闻内容", "time": "发布时间", "id": "新闻链接"},
        "the newest 10 of a symbol",
        nothing=("result", "cmsArticleWebOld"),
    ),
    "stock_irm_cninfo": Feed(
        "cninfo-questions",
        "symbol",
        {
            "body": "问题",
            "time": "提问时间",
            "first_seen": "更新时间",  # a question is shown after a review, at the latest when answered
            "id": "问题编号",
            "code": "股票代码",
        },
        "the newest 10,000 of a symbol",
        audience="public",
        nothing=("totalPage",),
    ),
    "stock_research_report_em": Feed(
        "eastmoney-reports",
        "symbol",
        {"title": "报告名称", "time": "日期", "id": "报告PDF链接", "code": "股票代码"},
        "all of a symbol",
        precision="day",
        nothing=("TotalPage",),
    ),
    "stock_individual_notice_report": Feed(
        "eastmoney-notices",
        "year",
        {"title": "公告标题", "time": "公告日期", "id": "网址", "code": "代码"},
        "any year of a symbol",
        precision="day",
        nothing=("data", "total_hits"),
    ),
    "stock_zh_a_disclosure_report_cninfo": Feed(
        "cninfo-disclosures",
        "year",
        {"title": "公告标题", "time": "公告时间", "id": "公告链接", "code": "代码"},
        "any year of a symbol",
        precision="day",
    ),
    "stock_notice_report": Feed(
        "eastmoney-notices",
        "day",
        {"title": "公告标题", "time": "公告日期", "id": "网址", "code": "代码"},
        "any day",
        precision="day",
        nothing=("data", "total_hits"),
    ),
    "news_cctv": Feed(
        "cctv-news",
        "day",
        {"title": "title", "body": "content", "time": "date"},
        "any day from 2016-02-04",
        precision="day",
        pages=True,
        over="21:00",
    ),
}
"""By the name of the function."""
