"""How each program begins: patched first, patched late or not patched, then initialized. Arguments: ORDER URL CA …"""

import os
import sys


def begin(**options):
    """Patch as ORDER says, and make the default client; the package `segment_gevent`, or what SEGMENT_AS says."""
    order, url, bundle = sys.argv[1:4]
    options = {"shutdown_timeout": 20, **options}  # on a busy machine the first send at an exit may take its time
    if order == "patched-first":
        import gevent.monkey

        gevent.monkey.patch_all()
    elif order == "patched-late":
        import ssl  # noqa: F401
        import warnings

        import gevent.monkey
        import requests  # noqa: F401

        warnings.simplefilter("ignore", gevent.monkey.MonkeyPatchWarning)
        gevent.monkey.patch_all()
    if os.environ.get("SEGMENT_AS") == "analytics":
        import segment_gevent.analytics as analytics

        analytics.default_client = analytics.Client("write-key", url, verify=bundle or None, **options)
        return analytics
    import segment_gevent as segment

    segment.initialize("write-key", **{"host": url, "verify": bundle or None, **options})
    return segment


def track(segment, who, numbers):
    """One event for each number, by `who`, without a switch in between."""
    for number in numbers:
        assert segment.track(user_id=who, event="Counted", properties={"n": number})
