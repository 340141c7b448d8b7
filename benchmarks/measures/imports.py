"""What `import` costs an application that has gevent already."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.measures.subject import Figures, Subject

PROGRAM = """
import json, sys, time
import gevent.event, gevent.queue, gevent.socket, gevent.threadpool
before = set(sys.modules)
began = time.perf_counter()
import {module}
seconds = time.perf_counter() - began
new = [name.partition(".")[0] for name in set(sys.modules) - before]
foreign = [name for name in new if name not in sys.stdlib_module_names and name != "gevent"]
print(json.dumps({{"ms": seconds * 1e3, "modules": len(foreign), "modules_and_stdlib": len(new)}}))
"""


def measure(subject: Subject) -> Figures:
    """Time and modules in a fresh process; the standard library's own modules are counted apart, and gevent's not.

    Of two runs the second counts: pip compiles what it installs, while a source tree is compiled when first imported,
    or each time where `PYTHONDONTWRITEBYTECODE` is set, which made 34 ms of 12. What every program that serves with
    gevent loads anyway is loaded before.
    """
    program = PROGRAM.format(module=subject.kind.module)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
        )
    figures: Figures = json.loads(done.stdout)
    return figures
