"""The command `segment-gevent`: where it starts, and what it says when its extra is not installed.

app.py    gathers the commands; commands/ has them and their options (click), a file a group
single.py `segment-gevent track` and its siblings: one message, and its fate in words
demo/     `segment-gevent demo`: a shop, its visitors, a local Segment, and a report
spool.py  `segment-gevent spool`: what is on disk, shown, saved or deleted
replay.py `segment-gevent spool replay`: what is on disk, sent
importing/ `segment-gevent import`: files as lines, lines as calls, and each line's fate
doctor.py `segment-gevent doctor`: the environment examined, and shown
listener.py hears why a client's delivery fails
flags.py  the flags of a command that sends, made from the options
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

EXTRA = ("click", "rich")


def main() -> int:
    """Run the command line of this process. Returns the exit code; click may exit by itself."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"The command segment-gevent needs {' and '.join(missing)}, which its extra brings:\n"
            "    pip install 'segment-gevent[cli]'\n"
        )
        return 1
    from segment_gevent.cli.app import commands

    commands(prog_name="segment-gevent")
    return 0
