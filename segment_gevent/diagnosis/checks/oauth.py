"""What the OAuth key, and the token server's answer to it, mean."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import OAuth
from segment_gevent.diagnosis.finding import Finding, Subject

HERE = Subject("OAuth")


def findings(facts: OAuth) -> Iterator[Finding]:
    if facts.problem:
        yield HERE.error("oauth-key", "The OAuth key is of no use", facts.problem, "see the words above; docs/oauth.md")
        return
    if facts.is_open_to_others:
        yield HERE.warning(
            "oauth-key-open",
            f"Other users of this machine can read {facts.path}",
            "Whoever has the key can send as this application.",
            f"chmod 600 {facts.path}",
        )
    if facts.token_problem:
        yield HERE.error(
            "no-token",
            "The token server gives no token",
            facts.token_problem,
            "compare oauth_client_id, oauth_key_id, the public key at Segment, and the region",
        )
    elif facts.has_token:
        yield HERE.ok("token", "The OAuth key is good, and the token server gave a token for it")
    else:
        yield HERE.ok("oauth-key-good", "The OAuth key can be read")
