"""The local Segment: a server on this machine that takes every call of Segment's API and shows what arrived.

`python -m segment_gevent.debugger` runs it; `segment_gevent.debugger.process.LocalSegment` runs it in a process of its
own and asks it what it got, for tests and for the demo. Importing this package costs nothing and starts nothing.

    server.py   the gevent WSGI server, and how a connection is dropped
    service.py  the same as a program, set up and ended  settings.py  what it is asked to be
    app.py      the WSGI application: what a request becomes, and its answer
    control.py  the API for tests, tools and the page, under `/_/`
    routes.py   what a route of it is                schemas.py  what it takes and answers
    openapi.py  its description
    guard.py    who may use that API                    static.py   the page's built files
    cors.py     what browsers may send from elsewhere
    stream.py   what arrives, as it arrives
    answer.py   an answer: status, headers, body        shown.py    an event as JSON
    body.py     bytes of a request, bounded             clock.py    times as JSON
    intake.py   those bytes, checked: messages and what is wrong with them
    plan.py     the tracking plan that they are held against  plan_file.py  its forms as JSON
    event.py    one message as it arrived
    state.py    all that is remembered, and waiting for it to change:
    store.py    the events, bounded                     database.py  them in SQLite
    query.py    what to look for among them             visitor.py   one person's path through them
    counts.py   counts of them all                      catalogue.py  their names and properties
    journal.py  the requests that arrived               faults.py    answers that go wrong on demand
    process.py  the server in its own process           connection.py  HTTP to it, cooperative
"""
