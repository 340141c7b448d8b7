"""`segment-gevent demo`: a web shop whose visitors browse, sign up and buy, the local Segment that it sends to, and a
report.

    plan.py      what is asked of it
    run.py       its processes, and what is printed before and after
    show.py      looks on while it happens, and asks what came of it
    visitors.py  the greenlets that visit the shop: their arrivals, connections and cookies
    persona.py   who a visitor is                     journey.py  what they do, step by step
    server.py    the shop's process                   shop.py     its application, which tracks
    session.py   what it knows of a visitor           goods.py    what it sells
    window.py    its pages
    gauges.py    how long a call takes, how long the hub does not turn
    troubles.py  what goes wrong with the local Segment, and when
    passage.py   how the client came through one of them
    screen.py    all of it in the terminal, while it happens
    report.py    the figures at the end
"""
