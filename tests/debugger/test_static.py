"""The page's files are served as what they are, and nothing beside them."""

from pathlib import Path

import pytest

from segment_gevent.debugger.static import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A built page, and a file beside it that is none of it."""
    assets = tmp_path / "page" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "page" / "index.html").write_text("<!doctype html>")
    (assets / "index-Ckkx23PM.js").write_text("1")
    return Files(tmp_path / "page")


def test_the_page_may_run_its_own_scripts_alone(files: Files) -> None:
    """No other site frames it, and its address, which may hold a search, goes nowhere."""
    page = files.answer({"PATH_INFO": "/"})
    assert page is not None
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert (page.headers["X-Content-Type-Options"], page.headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert page.headers["Cache-Control"] == "no-cache"


def test_what_has_a_hash_in_its_name_stays(files: Files) -> None:
    """It can be kept for good."""
    asset = files.answer({"PATH_INFO": "/_/page/assets/index-Ckkx23PM.js"})
    assert asset is not None
    assert "immutable" in asset.headers["Cache-Control"]
    assert asset.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_what_a_browser_has_is_not_sent_again(files: Files) -> None:
    """By its tag."""
    page = files.answer({"PATH_INFO": "/"})
    assert page is not None
    again = files.answer({"PATH_INFO": "/", "HTTP_IF_NONE_MATCH": page.headers["ETag"]})
    assert again is not None
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/_/page/", "/_/page/nothing.js", "/_/page/../secret", "/_/page//etc/passwd", "/_/page/assets"]
)
def test_no_other_file_is_served(files: Files, path: str) -> None:
    """A path leads nowhere but to the built files."""
    assert files.answer({"PATH_INFO": path}) is None
