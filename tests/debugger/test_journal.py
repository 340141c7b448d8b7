"""The journal shows requests, and no secret of theirs."""

from segment_gevent.debugger.journal import Journal, visible_headers

ENVIRON = {"REQUEST_METHOD": "POST", "PATH_INFO": "/v1/batch"}


def test_secrets_in_headers_are_masked() -> None:
    """The scheme of an Authorization header stays; credentials and cookies do not."""
    shown = visible_headers(
        {
            **ENVIRON,
            "HTTP_AUTHORIZATION": "Basic c2VjcmV0Og==",
            "HTTP_PROXY_AUTHORIZATION": "secret",
            "HTTP_COOKIE": "session=secret",
            "HTTP_USER_AGENT": "by-hand/1",
            "CONTENT_TYPE": "application/json",
        }
    )
    assert shown == {
        "Authorization": "Basic ***",
        "Proxy-Authorization": "***",
        "Cookie": "***",
        "User-Agent": "by-hand/1",
        "Content-Type": "application/json",
    }


def test_headers_are_bounded() -> None:
    """Neither many nor long ones fill the memory."""
    shown = visible_headers({f"HTTP_X_{number}": "y" * 9000 for number in range(1000)})
    assert sum(len(name) + len(value) for name, value in shown.items()) < 50_000


def test_the_newest_requests_are_kept_and_all_are_numbered() -> None:
    """Numbers go on where old entries are gone."""
    journal = Journal(max_entries=2)
    for _ in range(5):
        journal.open(ENVIRON, 0.0)
    assert [entry.number for entry in journal] == [5, 4]
    assert (len(journal), journal.total) == (2, 5)


def test_an_entry_reads_as_json_names() -> None:
    """It is open, without a status, until it is answered."""
    shown = Journal().open(ENVIRON, 0.0).as_dict()
    assert shown["status"] is None
    assert shown["receivedAt"] == "1970-01-01T00:00:00.000Z"
    assert {"retryCount", "size", "inflated", "count", "sentAt", "problems", "fault"} < shown.keys()
