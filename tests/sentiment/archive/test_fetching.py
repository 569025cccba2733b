"""Sources in parts into the archive: what is asked for, what is kept, what a failure costs."""

from collections.abc import Sequence

import pandas as pd
import pytest
from pydantic import PrivateAttr

from qushi.core import ConfigError, SourceError, Texts
from qushi.core.calendar import sessions
from qushi.sentiment import TextArchive, TextSource
from qushi.sentiment.archive.fetching import fetch_all, fetch_texts, label_of
from qushi.sentiment.sources._base import within


class Days(TextSource):
    """One part a session, two texts a part; what is asked for is kept in `asked`."""

    today: str = "2024-01-05"
    broken: tuple[str, ...] = ()
    interrupt: str = ""
    api_token: str = ""
    url: str = ""
    _asked: list[str] = PrivateAttr(default_factory=list)

    def fetch(self, start=None, end=None, symbol=None):
        texts = [self._texts(part) for part in self.parts()]
        frame = pd.concat([t.frame for t in texts], ignore_index=True)
        return within(Texts.from_frame(frame), start, end, symbol)

    def parts(self, start=None, end=None) -> Sequence[str]:
        days = sessions("XSHG", start or "2024-01-02", min(end or self.today, self.today))
        return tuple(f"{day:%Y-%m-%d}" for day in days)

    def fetch_part(self, part):
        self._asked.append(part)
        if part in self.broken:
            raise SourceError(f"{part} did not answer")
        if part == self.interrupt:
            raise KeyboardInterrupt
        self.note("the site is slow")
        return self._texts(part)

    def settled(self, part):
        return part < self.today

    def _texts(self, part):
        at = pd.Timestamp(f"{part} 02:00", tz="UTC")
        frame = pd.DataFrame({"id": [f"{part}a", f"{part}b"], "body": [f"{part}甲", f"{part}乙"]})
        return Texts.from_frame(frame.assign(audience="public", published_at=at, source="days"))

    @property
    def key(self):
        return "days"


class Whole(TextSource):
    """Without parts; `fetch` says which window it was asked for."""

    _asked: list[tuple[str | None, str | None]] = PrivateAttr(default_factory=list)

    def fetch(self, start=None, end=None, symbol=None):
        self._asked.append((start, end))
        return Days().fetch(start, end, symbol)


@pytest.fixture
def archive(tmp_path):
    found = TextArchive(tmp_path / "texts.sqlite")
    yield found
    found.close()


def test_fetch_goes_on_and_asks_the_growing_part_again(archive):
    first = Days(today="2024-01-03")
    done = fetch_texts(archive, first)
    assert (done.parts, done.fetched, done.new, done.failed) == (2, 2, 4, 0)
    assert done.notes == ("the site is slow",), "once, however often it was said"
    second = Days(today="2024-01-05")
    done = fetch_texts(archive, second)
    assert second._asked == ["2024-01-03", "2024-01-04", "2024-01-05"]
    assert (done.new, done.duplicate) == (4, 2)
    third = Days(today="2024-01-05")
    fetch_texts(archive, third)
    assert third._asked == ["2024-01-05"]
    assert len(archive) == 8


def test_refetch_asks_for_everything_again(archive):
    fetch_texts(archive, Days())
    again = Days()
    assert fetch_texts(archive, again, refetch=True).duplicate == 8
    assert len(again._asked) == 4


def test_window_limits_the_parts(archive):
    source = Days()
    fetch_texts(archive, source, "2024-01-03", "2024-01-04")
    assert source._asked == ["2024-01-03", "2024-01-04"]


def test_interrupted_fetch_keeps_what_is_finished_and_goes_on(archive):
    with pytest.raises(KeyboardInterrupt):
        fetch_texts(archive, Days(interrupt="2024-01-04"))
    assert len(archive) == 4
    told = archive.journal.summary().iloc[0]
    assert (told["parts"], told["settled"], told["never"]) == (4, 2, 2)
    assert (told["first_never"], told["last_never"]) == ("2024-01-04", "2024-01-05")
    source = Days()
    fetch_texts(archive, source)
    assert source._asked == ["2024-01-04", "2024-01-05"]
    assert archive.journal.summary()["never"].tolist() == [0]


def test_failed_part_is_told_and_costs_no_other(archive):
    done = fetch_texts(archive, Days(broken=("2024-01-03",)))
    assert (done.fetched, done.failed, done.reason) == (3, 1, "2024-01-03 did not answer")
    assert len(archive) == 6
    told = archive.journal.summary().iloc[0]
    assert (told["never"], told["reason"]) == (1, "2024-01-03 did not answer")
    mended = Days()
    assert fetch_texts(archive, mended).failed == 0
    assert mended._asked == ["2024-01-03", "2024-01-05"]
    assert archive.journal.summary()["reason"].tolist() == [""]


def test_source_that_fails_three_times_in_a_row_is_left_alone(archive):
    days = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05")
    source = Days(broken=days)
    done = fetch_texts(archive, source)
    assert len(source._asked) == 3
    assert done.failed == 3
    assert "1 more were not tried" in done.notes[-1]
    patient = Days(broken=(days[0], days[1], days[3]))
    assert fetch_texts(archive, patient).fetched == 1, "not in a row"


def test_source_that_cannot_name_its_parts_is_a_row(archive):
    class Broken(Days):
        def parts(self, start=None, end=None):
            raise ConfigError("no token")

    sources = [(Broken(), None), (Whole(), None)]
    rows = fetch_all(archive, sources)
    assert [(row.failed, row.reason) for row in rows] == [(1, "no token"), (0, "")]
    assert len(archive) == 8


def test_each_source_begins_where_it_says(archive):
    one, two = Days(), Whole()
    fetch_all(archive, [(one, "2024-01-04"), (two, "2024-01-03")], "2024-01-04")
    assert one._asked == ["2024-01-04"]
    assert two._asked == [("2024-01-03", "2024-01-04")]
    assert [str(t) for t in archive.read().frame["id"]] == [
        "2024-01-03a", "2024-01-03b", "2024-01-04a", "2024-01-04b"
    ]  # fmt: skip


def test_source_without_parts_is_asked_for_each_time(archive):
    source = Whole()
    fetch_texts(archive, source)
    assert fetch_texts(archive, source).duplicate == 8
    assert source._asked == [(None, None)] * 2


def test_what_a_part_takes_back_is_marked(archive):
    class Deleting(Days):
        def fetch_part(self, part):
            self._gone = {f"{part}a": pd.Timestamp("2024-02-01", tz="UTC")}
            return super().fetch_part(part)

    assert fetch_texts(archive, Deleting()).gone == 4
    assert archive.status()["gone"].tolist() == [4]
    assert len(archive.read()) == 8


def test_label_shows_settings_and_no_secret():
    source = Days(today="2024-01-04", api_token="hush", url="https://me:hush@site.cn/feed")
    label = label_of(source)
    assert "today=2024-01-04" in label
    assert "https://site.cn/feed" in label
    assert "hush" not in label
    many = Days(broken=("a", "b", "c", "https://me:hush@site.cn"))
    assert label_of(many).endswith("broken=a,b,+2")
    assert "broken" not in label_of(many, lists=False)


def test_progress_counts_parts(archive):
    steps = []

    class Listener:
        def begin(self, task, total):
            steps.append(total)

        def advance(self, task, steps_done=1):
            steps.append("step")

        def note(self, message):
            steps.append(message)

    fetch_texts(archive, Days(today="2024-01-03"), progress=Listener())
    assert steps == [2, "the site is slow", "step", "step"]
