"""`python -m segment_gevent` is the command `segment-gevent`."""

import sys

from segment_gevent.cli import main

if __name__ == "__main__":
    sys.exit(main())
