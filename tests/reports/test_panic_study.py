"""A study on the page: its own figures, their errors beside them, past told from future."""

import re

import pytest

from example_panic import DAYS, made_index, panic_inputs
from qushi.reports.panic_page import render_panic_page
from qushi.reports.panic_study import study_section
from qushi.sentiment.study.panic_study import StudySettings, panic_study


@pytest.fixture(scope="module")
def study():
    settings = StudySettings(lags=3, horizons=(1, 5), shuffles=99, before=3, after=5, quantiles=3)
    inputs = panic_inputs()
    return panic_study(made_index(), inputs.bars, inputs.implied, settings)


@pytest.fixture(scope="module")
def section(study):
    return study_section(study)


def titles(picture):
    return re.findall(r"<title>([^<]+)</title>", picture.svg)


def test_every_correlation_is_drawn_with_its_error(study, section):
    pairs = list(study.lead_lag.groupby(["index", "target"], sort=False))
    assert len(section.lead_lag) == len(pairs) >= 2
    for picture, ((_, target), rows) in zip(section.lead_lag, pairs, strict=True):
        expected = [
            f"{row.lag:+.0f}: {row.correlation:+.3f} ± {2 * row.error:.3f}" for row in rows.itertuples()
        ]
        assert titles(picture) == expected
        assert ("收益" in picture.title.zh) == (target == "return")


def test_only_what_comes_after_is_marked_as_such(section):
    for picture in section.lead_lag:
        marks = re.findall(r'<circle[^>]*class="(\w+)"><title>([+-]\d+)', picture.svg)
        assert {int(lag) > 0 for css, lag in marks if css == "mark"} == {True}
        assert {int(lag) > 0 for css, lag in marks if css == "other"} == {False}


def test_paths_around_events_are_those_of_the_study(study, section):
    zones = [rows for _, rows in study.events.groupby("zone", sort=False) if rows["events"].max() > 0]
    assert len(section.events) == len(zones) > 0
    for picture, rows in zip(section.events, zones, strict=True):
        known = rows.dropna(subset=["mean"])
        assert titles(picture) == [
            f"{row.offset:+.0f}: {100 * row.mean:+.2f} %" for row in known.itertuples()
        ]
        assert f"{int(rows['events'].max())} events" in picture.title.en
        assert picture.svg.count('class="curve band"') == 2


def test_a_zone_without_events_has_no_picture(study):
    from dataclasses import replace

    calm = study.events["zone"] == "calm"
    empty = study.events.assign(events=study.events["events"].where(~calm, 0))
    assert len(study_section(replace(study, events=empty)).events) == 1


def test_quantiles_have_a_picture_a_horizon_and_a_bar_a_quantile(study, section):
    assert [p.title.en for p in section.quantiles] == ["1 sessions", "5 sessions"]
    for picture, horizon in zip(section.quantiles, (1, 5), strict=True):
        rows = study.quantiles.query(f"horizon == {horizon} and quantile > 0")
        assert titles(picture) == [
            f"{row.quantile:.0f}: {100 * row.mean:+.2f} ± {200 * row.error:.2f} %"
            for row in rows.itertuples()
        ]


def test_table_has_every_family_and_page_says_how_many_looks(study, section):
    assert len(section.tests.rows) == len(study.tests)
    assert [row.cells[0].text for row in section.tests.rows] == study.tests["family"].tolist()
    assert f"{study.looks} figures were looked at" in section.note.en
    page = render_panic_page(panic_inputs(study=study))
    assert 'id="study"' in page
    assert page.count("That is alignment, not prediction") == 2
    assert all(said.zh in page for said in study.said if "<" not in said.zh)
    assert f"{DAYS[-1]:%Y-%m-%d}" in section.note.en
