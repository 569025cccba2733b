"""Rows as people write them: read, refused, replaced by one's own, and told in the docs."""

import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

import qushi
from qushi.core import ConfigError
from qushi.market import rules_for
from qushi.market.instruments import BOARDS
from qushi.market.rules.book import book_of, parse_book, timeline_of
from qushi.market.rules.rows import TABLES, Commission, Lot, Settlement, StampDuty, Tick

ROOT = Path(qushi.__file__).parent
CALENDARS = ("XSHG", "XNYS", "XTAI")
ROWS = [
    (calendar, name, row)
    for calendar in CALENDARS
    for name, rows in book_of(calendar).tables.items()
    for row in rows
]


def lot(since, least=100, **more):
    return Lot(
        since=date.fromisoformat(since), boards=("main",), least=least, step=1, source="x", **more
    )


# Which row holds -------------------------------------------------------------------------------------


def test_timeline_changes_on_the_very_day():
    rows = [lot("2001-01-01", 1), lot("2002-01-01", 2)]
    found = timeline_of(rows)
    days = {"2000-12-31": 1, "2001-01-01": 1, "2001-12-31": 1, "2002-01-01": 2, "2030-01-01": 2}
    assert {d: found.at(date.fromisoformat(d)).least for d in days} == days


def test_timeline_row_that_ends_gives_way_to_the_one_before():
    rows = [lot("2001-01-01", 1), lot("2002-01-01", 2, until=date(2002, 1, 3))]
    found = timeline_of(rows)
    assert [found.at(date(2002, 1, n)).least for n in (1, 3, 4)] == [2, 2, 1]


def test_timeline_row_of_symbols_goes_before_a_later_one_of_the_board():
    rows = [lot("2001-01-01", 1, symbols=("6*.SH",)), lot("2002-01-01", 2)]
    assert timeline_of(rows).at(date(2003, 1, 1)).least == 1
    assert timeline_of(rows).at(date(2000, 1, 1)).least == 2, "before all rows: the board's first"


def test_timeline_levies_start_with_their_first_row():
    row = StampDuty(
        since=date(2001, 1, 1), boards=("main",), rate=Decimal("0.001"), sides="sell", source="x"
    )
    assert timeline_of([row]).at(date(2000, 12, 31)) is None
    assert timeline_of([]).at(date(2000, 12, 31)) is None


@pytest.mark.parametrize("calendar", CALENDARS)
def test_book_equals_a_naive_search_around_every_date(calendar):
    book = book_of(calendar)
    symbols = {"XSHG": ("600519.SH", "510300.SH", "513100.SH", "900901.SH"), "XNYS": ("AAPL",)}
    for name, kind in TABLES.items():
        if name == "price_limit":
            continue  # tests/market/test_limits.py
        for symbol in symbols.get(calendar, ("2330.TW", "00679B.TWO")):
            board = rules_for(calendar).board(symbol)
            rows = book.rows(kind, board, symbol)
            for row in rows:
                for n in (-1, 0, 1):
                    day = row.since + timedelta(days=n)
                    held = [r for r in rows if r.since <= day <= (r.until or date.max)]
                    best = max(held, key=lambda r: (bool(r.symbols), r.since), default=None)
                    if best is None and kind in (Tick, Lot, Settlement):
                        best = min(rows, key=lambda r: (bool(r.symbols), r.since))
                    assert book.timeline(kind, board, symbol).at(day) == best


# The tables in the package ---------------------------------------------------------------------------


@pytest.mark.parametrize("calendar", CALENDARS)
def test_packaged_rows_are_of_their_own_market_sorted_and_say_their_source(calendar):
    book = book_of(calendar)
    for rows in book.tables.values():
        for row in rows:
            assert set(row.boards) <= set(BOARDS[calendar])
            assert len(row.source) > 8
        for board in BOARDS[calendar]:
            for group in {row.group for row in rows}:
                dates = [r.since for r in rows if board in r.boards and r.group == group]
                assert all(a < b for a, b in pairwise(dates))
    assert book.commission is not None


@pytest.mark.parametrize("calendar", CALENDARS)
def test_packaged_boards_all_have_a_tick_a_lot_and_a_settlement(calendar):
    samples = {
        "main": "600519.SH", "chinext": "300750.SZ", "star": "688981.SH", "bse": "920002.BJ",
        "bond": "113050.SH", "fund": "510300.SH", "index": "000300.SH", "us": "AAPL",
        "tw": "2330.TW", "tw_fund": "0050.TW",
    }  # fmt: skip
    rules = rules_for(calendar)
    for board in BOARDS[calendar]:
        assert rules.board(samples[board]) == board
        for kind in (Tick, Lot, Settlement):
            assert rules.row(kind, samples[board], "1990-01-01")


def docs_rows(page):
    """The cells of every dated row of the page, with market and table."""
    found, market, table = [], "", ""
    for line in (ROOT / "docs" / page).read_text("utf-8").splitlines():
        if line.startswith("## "):
            market, table = line[-4:], ""
        elif line.startswith("### "):
            table = line[4:].strip("`")
        elif re.match(r"\| \d{4}-", line):
            found.append((market, table, [cell.strip() for cell in line.strip("| ").split(" | ")]))
    return found


def expected_cells(row):
    since = str(row.since) if row.until is None else f"{row.since} … {row.until}"
    return since, ", ".join(f"`{x}`" for x in (*row.boards, *row.symbols))


def test_docs_list_every_row_as_it_is():
    expected = [(c, name, [*expected_cells(r), r.value, r.source]) for c, name, r in ROWS]
    assert docs_rows("rules.md") == expected


def test_docs_in_chinese_list_every_row_with_the_same_figures():
    found = docs_rows("rules.zh.md")
    assert [(m, t, tuple(c[:2])) for m, t, c in found] == [(c, n, expected_cells(r)) for c, n, r in ROWS]

    def figures(text):
        return sorted(float(x) for x in re.findall(r"\d+\.?\d*", text))

    for (_, _, cells), (_, _, row) in zip(found, ROWS, strict=True):
        told = re.sub(r"一个月|一年|首日", "", cells[2])
        value = re.sub(r"session 1 ", "", row.value)
        assert figures(told) == figures(value), (cells, row.value)
        assert ("转引" in cells[3]) == ("second hand" in row.source)


@pytest.mark.parametrize("page", ["rules.md", "rules.zh.md"])
def test_docs_name_every_key_and_their_example_is_read(page, tmp_path):
    text = (ROOT / "docs" / page).read_text("utf-8")
    for name, kind in TABLES.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        own = set(kind.model_fields) - {"since", "until", "boards", "symbols", "source"}
        assert own <= set(re.findall(r"`(\w+)", line)), name
    assert set(Commission.model_fields) <= set(re.findall(r"`(\w+)", text))
    for board in (b for boards in BOARDS.values() for b in boards):
        assert f"`{board}`" in text
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mine.toml").write_text(example, encoding="utf-8")
    rules = rules_for("XSHG", tables=str(tmp_path / "mine.toml"))
    assert rules.limit_width("159781.SZ", "2024-01-02") == ("0.2", "0.2")
    assert rules.limit_width("600001.SH", "2021-03-22") is None
    assert rules.limit_width("600001.SH", "2021-03-23") == ("0.1", "0.1")
    assert rules.costs("600519.SH", "2030-01-02", "sell", 1000, 100.0).stamp_duty == 25.0
    assert (rules.commission, rules.commission_minimum) == (0.0001, 0.0)


# A file of one's own ---------------------------------------------------------------------------------


def own(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return rules_for("XSHG", tables=str(path))


DUTY = """
[[stamp_duty]]
since = {since}
boards = ["main"]
rate = {rate}
sides = "sell"
source = "mine"
"""


ROW = 'since = 2020-01-02\nboards = ["main"]\nsource = "x"\n'
LIMIT = f"[[price_limit]]\n{ROW}"


def test_own_row_of_the_same_day_replaces_ours_for_its_boards(tmp_path):
    rules = own(tmp_path, DUTY.format(since="2023-08-28", rate=0.002))

    def duty(symbol, day):
        return rules.costs(symbol, day, "sell", 1000, 10.0).stamp_duty

    assert (duty("600519.SH", "2023-08-28"), duty("688981.SH", "2023-08-28")) == (20.0, 5.0)
    assert duty("600519.SH", "2023-08-25") == 10.0


def test_own_row_of_another_day_is_added(tmp_path):
    rules = own(tmp_path, DUTY.format(since="2020-01-02", rate=0.003))
    found = [
        rules.costs("600519.SH", day, "sell", 1000, 10.0).stamp_duty
        for day in ("2020-01-01", "2020-01-02", "2023-08-28")
    ]
    assert found == [10.0, 30.0, 5.0]


def test_own_first_sessions_replace_ours(tmp_path):
    text = '[[price_limit]]\nsince = 2019-07-22\nboards = ["star"]\nsessions = [1, 5]\nup = 0.5\n'
    rules = own(tmp_path, text + 'down = 0.4\nsource = "mine"\n')
    assert rules.limit_width("688001.SH", "2019-07-22", listed="2019-07-22") == ("0.4", "0.5")


def test_own_row_for_special_treatment_goes_before_one_for_all_of_the_same_day(tmp_path):
    special = f"{LIMIT}up = 0.3\ndown = 0.3\nst = true\n"
    rules = own(tmp_path, f"{special}{LIMIT}up = 0.4\ndown = 0.4\n")
    found = [rules.limit_width("600519.SH", "2020-01-02", st=st) for st in (True, False)]
    assert found == [("0.3", "0.3"), ("0.4", "0.4")]


def test_rows_of_symbols_are_found_in_any_case():
    assert rules_for("XSHG").settlement_days("513100.sh", "2024-01-02") == 0


def test_own_commission_is_the_default_and_the_setting_goes_before_it(tmp_path):
    text = '[commission]\nrate = 0.0002\nminimum = 1\nsource = "mine"\n'
    assert own(tmp_path, text).commission == 0.0002
    path = str(tmp_path / "mine.toml")
    assert rules_for("XSHG", tables=path, commission=0.001).commission == 0.001


def test_own_file_is_known_by_what_it_says_not_by_where_it_lies(tmp_path, monkeypatch):
    usual = rules_for("XSHG").model_dump(mode="json")
    first = own(tmp_path, DUTY.format(since="2020-01-02", rate=0.003)).model_dump(mode="json")
    (tmp_path / "there").mkdir()
    same = "# a remark\n" + DUTY.format(since="2020-01-02", rate=0.003)
    assert own(tmp_path / "there", same).model_dump(mode="json") == first
    changed = own(tmp_path, DUTY.format(since="2020-01-02", rate=0.004)).model_dump(mode="json")
    assert len({usual["book"], first["book"], changed["book"]}) == 3
    monkeypatch.setenv("RULES", str(tmp_path))
    assert rules_for("XSHG", tables="${RULES}/mine.toml").model_dump(mode="json") == changed


def test_own_numbers_are_exact():
    book = parse_book(DUTY.format(since="2020-01-02", rate="0.1"), "mine.toml")
    assert book.tables["stamp_duty"][0].rate == Decimal("0.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[stamp_duti]]\n", "unknown table 'stamp_duti': did you mean 'stamp_duty'"),
        ("stamp_duty = 3", "[[stamp_duty]]"),
        ("[stamp_duty]\nrate = 1", "[[stamp_duty]]"),
        ("[[stamp_duty]]\nrate = ", "not valid TOML"),
        ("[[commission]]\nrate = 0", "[commission]"),
        ("[commission]\nrate = 0.2\nminimum = 5\nsource = 'x'", "'rate'"),
        (f"[[lot]]\n{ROW}least = 9\nstep = 1\nstp = 1", "row 1: unknown key 'stp': did you mean 'step'"),
        (f"[[lot]]\n{ROW}least = 100", "the key 'step' is missing"),
        (f"[[lot]]\n{ROW}least = 0\nstep = 1", "'least' is 0"),
        (f"[[settlement]]\n{ROW}days = -1", "'days' is -1"),
        (DUTY.format(since="2020-01-02", rate=-0.1), "row 1: 'rate' is"),
        (DUTY.format(since="2020-01-02", rate=1), "row 1: 'rate' is"),
        (DUTY.format(since="'soon'", rate=0.1), "'since' is 'soon'"),
        (DUTY.replace('"main"', '"mian"').format(since="2020-01-02", rate=0.1), "'boards.0' is 'mian'"),
        (DUTY.replace("sell", "buy").format(since="2020-01-02", rate=0.1), "'sides' is 'buy'"),
        (DUTY.replace('"mine"', '""').format(since="2020-01-02", rate=0.1), "'source' is ''"),
        ("[[lot]]\nsince = 2020-01-02\nleast = 1\nstep = 1\nsource = 'x'", "for nobody"),
        (f"[[lot]]\n{ROW}until = 2020-01-01\nleast = 1\nstep = 1", "ends on 2020-01-01"),
        (
            2 * DUTY.format(since="2020-01-02", rate=0.1),
            "row 2: main has a row since 2020-01-02 already",
        ),
        (
            DUTY.format(since="2020-01-02", rate=0.1) + DUTY.format(since="2019-01-02", rate=0.1),
            "row 2: since 2019-01-02 comes after 2020-01-02 of main: sort rows by 'since'",
        ),
        (f"{LIMIT}up = 0.1", "give 'up' and 'down', or free = true"),
        (f"{LIMIT}up = 0.1\ndown = 0.1\nfree = true", "give 'up' and 'down', or free = true"),
        (f"{LIMIT}up = 0.1\ndown = 1", "'down' is"),
        (f"{LIMIT}up = 0\ndown = 0.1", "'up' is"),
        (f"{LIMIT}free = true\nsessions = [5, 1]", "'sessions'"),
        (f"{LIMIT}free = true\nsessions = [0, 1]", "sessions.0"),
        (
            f"{LIMIT}free = true\nsessions = [1, 5]\n{LIMIT}up = 1\ndown = 0.1\nsessions = [5, 9]",
            "row 2: sessions 5 to 9 of main overlap with 1 to 5",
        ),
        (f"[[tick]]\n{ROW}", "either 'size' or 'steps'"),
        (f"[[tick]]\n{ROW}steps = [[1, 0.01]]", "starts at price 0"),
        (f"[[tick]]\n{ROW}steps = [[0, 0.01], [10, 0.05], [5, 0.1]]", "ascend"),
        (f"[[tick]]\n{ROW}steps = [[0, 0.01], [10.02, 0.05]]", "10.02 in 'steps'"),
        (f"[[tick]]\n{ROW}size = 0", "'size' is"),
    ],
)
def test_own_file_that_cannot_be_is_one_sentence_with_file_table_and_row(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        own(tmp_path, text)
    assert said in str(caught.value)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_own_rows_that_overlap_in_session_only_where_the_listing_does_are_fine():
    text = f"{LIMIT}free = true\nsessions = [1, 5]\n{LIMIT}up = 1\ndown = 0.1\nsessions = [6, 9]"
    assert len(parse_book(text, "mine.toml").tables["price_limit"]) == 2


def test_own_file_in_another_encoding_or_a_folder_is_refused(tmp_path):
    (tmp_path / "gb.toml").write_bytes("# 规则".encode("gb18030"))
    for path in (tmp_path / "gb.toml", tmp_path):
        with pytest.raises(ConfigError, match="no TOML file in UTF-8"):
            rules_for("XSHG", tables=str(path))
