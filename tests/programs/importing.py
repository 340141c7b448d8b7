"""`segment-gevent import` with the arguments given; at its end, on stdout, the most memory that it took, in bytes."""

import sys
from pathlib import Path

from segment_gevent.cli import main

sys.argv[1:1] = ["import"]
try:
    main()
finally:
    status = Path("/proc/self/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print("peak", int(peak) << 10)
