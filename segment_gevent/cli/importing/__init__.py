"""`segment-gevent import`: lines of files become messages, each is sent once, and each has its fate written down.

run.py        the import as a whole: reads, calls the client, waits, stops
sources.py    files as lines, whatever they are compressed with      records.py  lines as records: NDJSON, CSV
shape.py      records as calls of the client: names, mapping, ids
ledger.py     which lines have their fate      checkpoint.py  the same on disk      rejects.py  the bad lines on disk
telling.py    what the command says on its way and at its end
"""
