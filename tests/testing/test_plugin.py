"""The pytest plugin, in tests of somebody else's application."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

APPLICATION = """
import segment_gevent as segment

def order(total):
    segment.track(user_id="ilya", event="Order Completed", properties={"total": total, "shop": "x" * 400})
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(shop=APPLICATION)
    return pytester


def test_the_fixture_has_the_tests_own_events(shop: pytest.Pytester) -> None:
    """Also where the application made no client; one test sees nothing of another."""
    shop.makepyfile(
        """
        import shop

        def test_one(segment_events):
            shop.order(30)
            assert segment_events.tracked("Order Completed", user_id="ilya", properties__total=30)

        def test_two(segment_events):
            assert not segment_events
        """
    )
    shop.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_test_begins_with_nothing_bound(shop: pytest.Pytester) -> None:
    """Neither what a test with the fixture bound, nor what one without it did."""
    shop.makepyfile(
        """
        import segment_gevent as segment
        import shop

        def test_one(segment_events):
            segment.bind_user("olga", session_id="visitor-17")
            segment.bind_context(ip="::1")

        def test_two():
            segment.bind_context(locale="de")

        def test_three(segment_events):
            shop.order(30)
            assert segment_events.tracked(user_id="ilya", session_id=None, context__ip=None, context__locale=None)

        def test_four():
            from segment_gevent.context import current
            assert current().fields == {"locale": "de"}
        """
    )
    shop.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist").assert_outcomes(passed=4)


def test_the_official_surface_needs_no_write_key(pytester: pytest.Pytester) -> None:
    """Its module is recorded, and a client of its own with any key; after the block the module is as it was."""
    pytester.makepyfile(
        """
        import pytest
        import segment_gevent.analytics as analytics
        from segment_gevent.testing import disabled, recorded

        @pytest.mark.parametrize("key", [None, ""])
        def test_one(segment_events, key):
            analytics.write_key = key
            taken, message = analytics.track("ilya", "Order Completed", {"total": 30})
            analytics.flush()
            assert taken
            assert segment_events.tracked("Order Completed", user_id="ilya", message_id=message["messageId"])
            analytics.Client("any").identify("ilya", {"plan": "free"})
            assert segment_events.identified("ilya", traits__plan="free")
            assert analytics.default_client is None

        def test_two():
            with disabled():
                assert not analytics.track("ilya", "Order Completed")[0]

        def test_three():
            analytics.write_key = None
            with pytest.raises(AssertionError):
                analytics.track("ilya", "Order Completed")
            analytics.write_key = "key"
            with recorded() as events:
                analytics.track("ilya", "Order Completed")
            assert events.tracked(user_id="ilya")
            assert analytics.default_client.write_key == "key"
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist").assert_outcomes(passed=4)


def test_a_failure_shows_the_difference_and_the_events(shop: pytest.Pytester) -> None:
    """In full, in a section of the report."""
    shop.makepyfile(
        """
        import shop

        def test_one(segment_events):
            shop.order(30)
            assert segment_events.tracked("Order Completed", user_id="olga", properties__total=31)
        """
    )
    result = shop.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*<none: no track with event='Order Completed'*",
            "*segment_events*",
            "1 event:",
            "    track userId='ilya' event='Order Completed' properties={'total': 30*",
            "    userId: 'ilya', not 'olga'",
            "    properties.total: 30, not 31",
        ]
    )


def test_loading_the_plugin_imports_nothing_of_gevent() -> None:
    """Every run of pytest in an environment with the package loads it; an application may patch later."""
    program = "import sys, pytest_segment_gevent; print({'gevent', 'segment_gevent'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
