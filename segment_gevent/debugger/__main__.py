"""`python -m segment_gevent.debugger`: runs the local Segment and prints its address, one line, once it is ready.

Needs nothing beside the package. Ends at SIGINT or SIGTERM, or, with --until-stdin-ends, with the process that holds
the other end of its standard input, however that process ends.
"""

from __future__ import annotations

import argparse
import sys

from segment_gevent.debugger.service import serve
from segment_gevent.debugger.settings import HOST, KEEP, PORT, Settings


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m segment_gevent.debugger", description="The local Segment.")
    parser.add_argument("--host", default=HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--certfile", help="certificate chain in PEM: serve https")
    parser.add_argument("--keyfile", help="its private key, unless it is in the same file")
    parser.add_argument("--strict", action="store_true", help="answer 400 to what breaks a rule of the API")
    parser.add_argument("--db", metavar="FILE", help="keep the events in this file (default: in memory)")
    parser.add_argument(
        "--keep", type=_count, default=KEEP, metavar="N", help="the newest so many (default: %(default)s)"
    )
    parser.add_argument("--plan", metavar="FILE", help="hold the events against this tracking plan")
    parser.add_argument("--allow-host", metavar="NAME", dest="hosts", action="append", default=[], help="be found here")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end with the process that started this")
    options = vars(parser.parse_args(arguments))
    return serve(Settings(**{**options, "hosts": tuple(options["hosts"])}), _print)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on, not {text!r}")
    return int(text)


def _print(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
