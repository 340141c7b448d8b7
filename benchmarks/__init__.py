"""What an event costs, beside other libraries: `tox -e bench`, or `python -m benchmarks [--quick] [--only CASE …]`.

From the top down: `__main__` reads the command line; `plan` says which cases there are; `runner` runs each library in
turn, again and again, as a `subject` process on one core against a `sink` process on the other; `measures/` is what a
subject does, `libraries` and `floor` whom it does it with; `results` keeps what came out; `figures` says what is to be
reached; `report` and `plots` write it down. Programs of their own: `details`, the small figures that
pages and comments quote; `spool_cost`; `intake`, the local Segment's; and `fleet/`.
"""
