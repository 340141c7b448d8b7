"""`segment-gevent import`: lines of files become messages, each is sent once, and each has its fate written down.

run.py        the import as a whole, from its plan.py     stop.py  ends it early
reading.py    file after file, line after line, to the client
sources.py    files as lines, whatever they are compressed with      records.py  lines as records: NDJSON, CSV
shape.py      records as calls of the client: names, mapping, ids
fates.py      what became of each message        ledger.py  which lines of a file have their fate
saving.py     puts that on disk: checkpoint.py, and rejects.py for the bad lines
telling.py    what the command says on its way and at its end
"""
