"""The spool: messages on disk, for a later delivery.

`spooling.py` is one client's dealings with it, `store.py` what lies there. Imported where the options ask for it, since
sqlite3 takes some milliseconds and a megabyte.
"""
