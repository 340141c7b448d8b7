"""Tracks from the native threads of gevent's threadpool, while greenlets track too."""

import gevent
from beginning import begin, track

segment = begin()
pool = gevent.get_hub().threadpool
threads = [pool.spawn(track, segment, f"pool {number}", range(200)) for number in range(4)]
greenlets = [gevent.spawn(track, segment, f"greenlet {number}", range(50)) for number in range(4)]
gevent.joinall([*threads, *greenlets], raise_error=True)
