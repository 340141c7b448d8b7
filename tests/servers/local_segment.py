"""The local Segment for tests: over http, or over https with a certificate authority made for the run.

    with LocalSegment() as server: ...            # server.url, server.wait_for(3), server.messages(), server.summary()
    with tls_segment(authority, folder) as server: ...   # clients trust server.cafile

Most tests take the fixtures of `conftest.py` instead: `segment_server`, `segment_server_tls` and `ca_bundle`.
"""

from __future__ import annotations

from pathlib import Path

import trustme

from segment_gevent.debugger.process import LocalSegment

__all__ = ["LocalSegment", "server_certificate", "tls_segment"]


def server_certificate(authority: trustme.CA, folder: Path) -> Path:
    """A PEM file with a certificate for this machine's loopback names, its chain and its key."""
    path = folder / "server.pem"
    authority.issue_cert("127.0.0.1", "::1", "localhost").private_key_and_cert_chain_pem.write_to_path(path)
    return path


def tls_segment(authority: trustme.CA, folder: Path, **options: object) -> LocalSegment:
    """A local Segment, not yet started, that serves https with a certificate of `authority`."""
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    return LocalSegment(certfile=server_certificate(authority, folder), cafile=bundle, **options)
