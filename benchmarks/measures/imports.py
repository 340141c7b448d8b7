"""What `import` costs an application that has gevent already."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.measures.subject import Figures, Subject

PROGRAM = """
import json, sys, time
import gevent
before = set(sys.modules)
began = time.perf_counter()
import {module}
seconds = time.perf_counter() - began
new = [name.partition(".")[0] for name in set(sys.modules) - before]
foreign = [name for name in new if name not in sys.stdlib_module_names and name != "gevent"]
print(json.dumps({{"ms": seconds * 1e3, "modules": len(foreign), "modules_and_stdlib": len(new)}}))
"""


def measure(subject: Subject) -> Figures:
    """Time and modules in a fresh process; the standard library's own modules are counted apart, and gevent's not."""
    program = PROGRAM.format(module=subject.kind.module)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures
