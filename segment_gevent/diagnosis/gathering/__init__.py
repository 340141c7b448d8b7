"""Where facts come from, a file for each part of the world. Nothing here judges.

patching.py   loaded modules      loop.py   gevent          server.py   what runs the process, and its forks
versions.py   installed projects  ways.py   proxies, certificates, the key, as the environment and the options have them
disk.py       the spool and the OAuth key                   journey.py  the way to a server; imports requests
"""

from segment_gevent.diagnosis.gathering import disk, loop, patching, server, versions, ways

__all__ = ["disk", "loop", "patching", "server", "versions", "ways"]
