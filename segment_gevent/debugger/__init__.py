"""The local Segment: a server on this machine that takes every call of Segment's API and shows what arrived.

`python -m segment_gevent.debugger` runs it; `segment_gevent.debugger.process.LocalSegment` runs it in a process of its
own and asks it what it got, for tests and for the demo. Importing this package costs nothing and starts nothing.

    server.py   the gevent WSGI server, and how a connection is dropped
    app.py      the WSGI application: what a request becomes, and its answer
    control.py  the API for tests and tools, under `/_/`
    answer.py   an answer: status, headers, body
    body.py     bytes of a request, bounded
    intake.py   those bytes, checked: messages and what is wrong with them
    store.py    the events that arrived, bounded        query.py    what to look for among them
    journal.py  the requests that arrived               faults.py   answers that go wrong on demand
    process.py  the server in its own process           connection.py  HTTP to it, cooperative
"""
