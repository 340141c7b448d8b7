"""One person's path: the ids that belong together, and the events of all of them."""

from __future__ import annotations

from segment_gevent.debugger.database import Database, Filter, Kept

# An id that many share, as "anonymous" is in a broken application, joins everyone: no further than this.
MAX_IDS = 500
_COLUMNS = ("user_id", "anonymous_id", "previous_id")


def joined_ids(database: Database, user: str) -> list[str]:
    """The given id, then those that any message joins with it: a userId with an anonymousId, an alias with both."""
    ids = {user}
    while len(ids) < MAX_IDS:
        found = ids | database.people(_events_of(ids), MAX_IDS)
        if found == ids:
            break
        ids = found
    return [user, *sorted(ids - {user})][:MAX_IDS]


def path(database: Database, user: str, limit: int, offset: int) -> tuple[list[str], list[Kept], int]:
    """The ids that belong together, a slice of their events, oldest first, and how many there are."""
    ids = joined_ids(database, user)
    wanted = _events_of(set(ids))
    return ids, database.select(wanted, limit, offset, oldest_first=True), database.count(wanted)


def _events_of(ids: set[str]) -> Filter:
    marks = ", ".join("?" * len(ids))
    anywhere = " OR ".join(f"{column} IN ({marks})" for column in _COLUMNS)
    return Filter(anywhere, (*ids, *ids, *ids))
