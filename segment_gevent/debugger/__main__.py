"""`python -m segment_gevent.debugger`: runs the local Segment and prints its address, one line, once it is ready.

Needs nothing beside the package. Ends at SIGINT or SIGTERM, or, with --until-stdin-ends, with the process that holds
the other end of its standard input, however that process ends.
"""

from __future__ import annotations

import argparse
import signal
import sys

import gevent
from gevent.event import Event

from segment_gevent.debugger.app import App
from segment_gevent.debugger.server import Server, stop_at_end_of


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m segment_gevent.debugger", description="The local Segment.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--certfile", help="certificate chain in PEM: serve https")
    parser.add_argument("--keyfile", help="its private key, unless it is in the same file")
    parser.add_argument("--strict", action="store_true", help="answer 400 to what breaks a rule of the API")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end with the process that started this")
    options = parser.parse_args(arguments)

    stopped = Event()
    gevent.signal_handler(signal.SIGTERM, stopped.set)
    if options.until_stdin_ends:
        # A terminal's Ctrl-C reaches the process that started this too, which ends it when it is done with it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        gevent.signal_handler(signal.SIGINT, stopped.set)
    server = Server(App(strict=options.strict), options.host, options.port, options.certfile, options.keyfile)
    try:
        server.start()
    except OSError as error:
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {error}\n")
        return 1
    if options.until_stdin_ends:
        stop_at_end_of(sys.stdin.fileno(), stopped.set)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    stopped.wait()
    server.stop(timeout=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
