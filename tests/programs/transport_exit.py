"""Sends over http and https and ends: URL TLS_URL CA closed|open. Whatever is printed besides is noise."""

import sys

from segment_gevent.delivery.transport import HttpTransport

url, tls_url, bundle, end = sys.argv[1:]
transports = [HttpTransport(address, verify=bundle, proxies={}) for address in (url, tls_url)]
for transport in transports:
    assert transport.send(b"{}", {}).status_code == 200
    if end == "closed":
        transport.close()
