"""A library that sends requests and minds none of them, under the watch of `Manners`."""

import pytest
import requests

from qushi.core import SourceError
from qushi.core.manners import Manners, NotArrivedError
from replay import serve

SHAPES = (LookupError, TypeError, ValueError)


@pytest.fixture
def site():
    with serve(lambda path, query: site.answers.get(path, (200, '{"ok": 1}'))) as site:
        site.answers = {}
        yield site


@pytest.fixture
def polite():
    return Manners(pause=0, attempts=2, first_wait=0)


def ask(polite, call, **settings):
    return polite._ask_watched("the answer", call, 5, SHAPES, **settings)


def test_watched_library_that_passes_over_a_failure_fails(site, polite):
    site.answers["/b"] = (502, "")
    found = []

    def careless():
        for path in "abc":
            try:
                found.append(requests.get(f"{site.base}/{path}").json())
            except:  # noqa: E722
                continue
        return found

    with pytest.raises(NotArrivedError, match=r"the answer did not arrive after 2 tries.*502"):
        ask(polite, careless)
    assert site.times("/b") == 2
    assert site.times("/c") == 0  # what would be asked after a failure is of no use


def test_watched_library_that_tries_again_by_itself_is_not_let(site, polite):
    site.answers["/a"] = (502, "")
    waited = []

    def stubborn():
        for _ in range(10):
            try:
                return requests.get(f"{site.base}/a").json()
            except requests.RequestException:
                waited.append("a minute")
        raise RuntimeError("ten times")

    with pytest.raises(NotArrivedError, match="502"):
        ask(polite, stubborn)
    assert site.times("/a") == 2
    assert waited == []


def test_watched_library_that_makes_its_own_error_of_a_failure_keeps_the_reason(site, polite):
    site.answers["/a"] = (403, "")

    def wrapping():
        try:
            return requests.get(f"{site.base}/a").json()
        except Exception as error:
            raise ValueError("cannot parse") from error

    with pytest.raises(NotArrivedError, match="403"):
        ask(polite, wrapping)


def test_watched_page_is_a_refusal_unless_pages_are_the_data(site, polite):
    site.answers["/a"] = (200, "<html><title>验证</title></html>")

    def read():
        return requests.get(f"{site.base}/a").text

    with pytest.raises(NotArrivedError, match="a page, entitled '验证', instead of data"):
        ask(polite, read)
    assert "验证" in ask(polite, read, pages=True)


def test_watched_curl_has_the_same_manners(site, polite):
    from curl_cffi import requests as curled

    site.answers["/a"] = (502, "")
    with pytest.raises(NotArrivedError, match="502"):
        ask(polite, lambda: curled.get(f"{site.base}/a").json())
    assert site.times("/a") == 2
    assert ask(polite, lambda: curled.get(f"{site.base}/b").json()) == {"ok": 1}


def test_watched_answer_of_another_shape_is_asked_for_once(site, polite):
    site.answers["/a"] = (200, "nonsense")
    with pytest.raises(SourceError, match="form that the library does not know") as caught:
        ask(polite, lambda: requests.get(f"{site.base}/a").json())
    assert not isinstance(caught.value, NotArrivedError)
    assert site.times("/a") == 1


def test_watch_is_taken_off_again(site, polite):
    from curl_cffi import requests as curled

    before = requests.Session.request, curled.Session.request
    with pytest.raises(ZeroDivisionError):
        ask(polite, lambda: 1 / 0)
    assert before == (requests.Session.request, curled.Session.request)
