"""The sites behind akshare's functions for texts: answers of their shape, words of our own.

A `Post` is what somebody published; each site writes it its own way: in milliseconds, as a page, with
the code without its exchange.
"""

import json
import math
from dataclasses import dataclass, field

import pandas as pd

ZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class Post:
    """One text: local Shanghai time, title, words, number, code of a share."""

    at: str
    title: str = ""
    body: str = ""
    id: str = "1"
    code: str = "600519"
    more: dict = field(default_factory=dict)

    @property
    def seconds(self) -> int:
        return int(pd.Timestamp(self.at, tz=ZONE).timestamp())

    @property
    def ms(self) -> int:
        return self.seconds * 1000

    @property
    def day(self) -> str:
        return self.at[:10]


class TextSites:
    """Answers every request of the functions that `akshare` texts are made of."""

    def __init__(self, posts: list[Post]) -> None:
        self.posts = posts

    def __call__(self, path, query):
        for part, answer in (
            ("getFastNewsList", self._eastmoney_flash),
            ("getNewsByColumns", self._breakfast),
            ("/api/zhibo/feed", self._sina),
            ("get-flash-list", self._futu),
            ("/tapp/news/push", self._ths),
            ("/v1/roll/", self._cls),
            ("/sjtPc/news", self._caixin),
            ("queryNewsflashList", self._shmet),
            ("/search/jsonp", self._eastmoney_news),
            ("queryKeyboardInfo", self._irm_company),
            ("/company/question", self._irm),
            ("/report/list", self._reports),
            ("/security/ann", self._notices),
            ("szse_stock.json", self._cninfo_companies),
            ("hisAnnouncement", self._cninfo),
            ("/xwlb/day/", self._cctv_day),
            ("/item/", self._cctv_item),
        ):
            if part in path:
                return 200, answer(path, query)
        raise AssertionError(f"nobody serves {path}")

    # The newest of the whole market ----------------------------------------------------------------

    def _eastmoney_flash(self, path, query):
        rows = [
            {"title": p.title, "summary": p.body, "showTime": p.at, "code": p.id} for p in self.posts
        ]
        return json.dumps({"data": {"fastNewsList": rows}})

    def _breakfast(self, path, query):
        rows = [
            {"title": p.title, "summary": p.body, "showTime": p.at, "uniqueUrl": f"http://x/{p.id}"}
            for p in self.posts
        ]
        return json.dumps({"data": {"list": rows if query["page_index"] == "1" else []}})

    def _sina(self, path, query):
        rows = [{"create_time": p.at, "rich_text": p.body} for p in self.posts]
        return json.dumps({"result": {"data": {"feed": {"list": rows}}}})

    def _futu(self, path, query):
        rows = [
            {
                "title": p.title,
                "content": p.body,
                "time": str(p.seconds),
                "detailUrl": f"http://f/{p.id}",
            }
            for p in self.posts
        ]
        return json.dumps({"data": {"data": {"news": rows}}})

    def _ths(self, path, query):
        rows = [
            {"title": p.title, "digest": p.body, "rtime": str(p.seconds), "url": f"http://t/{p.id}"}
            for p in self.posts
        ]
        return json.dumps({"data": {"list": rows}})

    def _cls(self, path, query):
        rows = [
            {"title": p.title, "content": p.body, "ctime": p.seconds, "level": "C"} for p in self.posts
        ]
        return json.dumps({"data": {"roll_data": rows}})

    def _caixin(self, path, query):
        rows = [{"tag": "市场动态", "summary": p.body, "url": f"http://c/{p.id}"} for p in self.posts]
        return json.dumps({"data": {"data": rows}})

    def _shmet(self, path, query):
        """17 columns that akshare names by their order."""
        rows = []
        for p in self.posts:
            row = {f"c{k:02}": None for k in range(17)}
            rows.append(row | {"c03": p.ms, "c05": p.body})
        return json.dumps({"data": {"dataList": rows}})

    # Of one share ----------------------------------------------------------------------------------

    def _of(self, code):
        return [p for p in self.posts if p.code == code]

    def _eastmoney_news(self, path, query):
        keyword = json.loads(query["param"])["keyword"]
        rows = [
            {
                "date": p.at,
                "image": "",
                "code": p.id,
                "title": p.title.replace(keyword, f"(<em>{keyword}</em>)"),
                "content": p.body,
                "mediaName": "某报",
                "url": "",
            }
            for p in self._of(keyword)
        ]
        return f"{query['cb']}({json.dumps({'result': {'cmsArticleWebOld': rows}})})"

    def _irm_company(self, path, query):
        return json.dumps({"data": [{"secid": f"gssz{query['keyWord']}"}]})

    def _irm(self, path, query):
        rows = [
            {
                "indexId": p.id,
                "trade": ["制造业"],
                "mainContent": p.body,
                "boardType": ["C"],
                "pubDate": str(p.ms),
                "stockCode": p.code,
                "companyShortName": "样本",
                "author": "9",
                "authorName": "irm9",
                "pubClient": "2",
                "attachedId": "77",
                "attachedContent": "答复在后",
                "attachedAuthor": "样本",
                "updateDate": str(Post(p.more.get("answered", p.at)).ms),
            }
            for p in self._of(query["stockcode"])
        ]
        return json.dumps({"totalPage": math.ceil(len(rows) / 1000), "rows": rows})

    def _reports(self, path, query):
        rows = [
            {
                "title": p.title,
                "stockName": "样本",
                "stockCode": p.code,
                "orgSName": "某证券",
                "publishDate": f"{p.day} 00:00:00.000",
                "infoCode": f"AP{p.id}",
                "predictNextTwoYearEps": "9",
                "predictNextTwoYearPe": "9",
                "predictNextYearEps": "9",
                "predictNextYearPe": "9",
                "predictThisYearEps": "9",
                "predictThisYearPe": "9",
                "indvInduName": "白酒",
                "emRatingName": "买入",
                "count": 3,
            }
            for p in self._of(query["code"])
        ]
        return json.dumps({"TotalPage": int(bool(rows)), "currentYear": 2024, "data": rows})

    def _notices(self, path, query):
        asked = query.get("stock_list")
        first, last = query["begin_time"], query["end_time"]
        rows = [p for p in self.posts if first <= p.day <= last and asked in (None, p.code)]
        start = (int(query["page_index"]) - 1) * 100
        listed = [
            {
                "art_code": f"AN{p.id}",
                "title": p.title,
                "notice_date": f"{p.day} 00:00:00",
                "display_time": p.at,
                "eiTime": p.at,
                "columns": [{"column_code": "1", "column_name": "其他"}],
                "codes": [
                    {"ann_type": "A,SHA", "stock_code": p.code, "short_name": "样本", "market_code": "1"}
                ],
            }
            for p in rows[start : start + 100]
        ]
        return json.dumps({"data": {"total_hits": len(rows), "list": listed}})

    def _cninfo_companies(self, path, query):
        codes = {p.code for p in self.posts} | {"600519", "000001", "430047"}
        return json.dumps({"stockList": [{"code": code, "orgId": f"gs{code}"} for code in codes]})

    def _cninfo(self, path, query):
        code = query["stock"].partition(",")[0]
        first, last = query["seDate"].split("~")
        rows = [p for p in self._of(code) if first <= p.day <= last]
        start = (int(query["pageNum"]) - 1) * 30
        listed = [
            {
                "secCode": p.code,
                "secName": "样本",
                "announcementTitle": p.title,
                "announcementTime": p.ms,
                "announcementId": p.id,
                "orgId": f"gs{code}",
            }
            for p in rows[start : start + 30]
        ]
        return json.dumps({"totalAnnouncement": len(rows), "announcements": listed})

    # The evening news --------------------------------------------------------------------------------

    def _cctv_day(self, path, query):
        day = pd.Timestamp(path.rsplit("/", 1)[1].partition(".")[0])
        items = [p for p in self.posts if p.day == f"{day:%Y-%m-%d}"]
        links = "".join(f'<li><a href="https://tv.cctv.com/item/{p.id}.shtml">x</a></li>' for p in items)
        return f'<html><body><ul><li><a href="whole">完整版</a></li>{links}</ul></body></html>'

    def _cctv_item(self, path, query):
        number = path.rsplit("/", 1)[1].partition(".")[0]
        post = next(p for p in self.posts if p.id == number)
        words = f'<div class="cnt_bd">央视网消息(新闻联播)：{post.body}</div>' if post.body else ""
        return f"<!DOCTYPE html><html><body><h3>[视频]{post.title}</h3>{words}</body></html>"


def feed(*items: str, encoding: str = "utf-8", version: str = "2.0") -> bytes:
    """An RSS document in an encoding, which it states."""
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = f'{head}<rss version="{version}"><channel><title>频道</title>{"".join(items)}</channel></rss>'
    return text.encode(encoding)


def item(title="", guid="", date="", body="") -> str:
    """One entry of an RSS feed."""
    parts = (("title", title), ("guid", guid), ("pubDate", date), ("description", body))
    said = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in parts if value)
    return f"<item>{said}</item>"
