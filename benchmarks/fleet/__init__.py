"""What a fleet takes: a relay and four against a counting sink, and on paper what many hosts need.

    python -m benchmarks.fleet measure [--events 400000]     a few minutes; writes points.json
    python -m benchmarks.fleet table [--hosts 1000] [--each 2000]     prints docs/fleet-sizing.md's tables; --write
    python -m benchmarks.fleet losses                        what a killed Redis and a failover lose; writes losses.json

`measure.py` and `losses.py` need a redis-server; `model.py` knows the measured points, and nothing else.
"""
