import pytest

from qushi.reports.files import write_whole


def test_write_whole_replaces_the_old_page(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_whole("旧", path)
    assert write_whole("新", path) == path
    assert path.read_bytes().decode() == "新"
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


def test_write_whole_that_fails_leaves_the_old_page_and_nothing_else(tmp_path):
    path = tmp_path / "page.html"
    write_whole("old", path)
    with pytest.raises(UnicodeEncodeError):
        write_whole("\ud800", path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
