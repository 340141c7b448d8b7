"""The relay: takes batches out of the outbox, packs larger ones of them, and sends those to Segment.

A process of its own, `segment-gevent relay`, and as many of them as one likes: they share a consumer group, a rate and
what a rate limit asks for, all in Redis. Each waits on gevent alone.
"""
