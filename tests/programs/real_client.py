"""One of the two real libraries for Python, by its own calls: `real_client.py segment|rudderstack URL plain|gzip`.

Ends with 1 where it could not deliver.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

library, url, packing = sys.argv[1:]
failed: list[Any] = []
client = import_module(f"{library}.analytics.client").Client(
    "write-key", host=url, gzip=packing == "gzip", on_error=lambda error, _batch: failed.append(error)
)
client.identify("user-1", {"email": "ilya@example.org"}, anonymous_id="visitor-1")
client.track("user-1", "Item Bought", {"price": 17.9})
client.page("user-1", "Docs", "Home", {"url": "https://shop.example/"})
client.screen("user-1", "Docs", "Home", {"dark": True})
client.group("user-1", "acme", {"plan": "team"})
client.alias("visitor-1", "user-1")
client.shutdown()
if failed:
    sys.exit(f"not delivered: {failed!r}")
