"""The servers that applications run in, over the example application: gunicorn, uWSGI, pywsgi; and visitors."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from servers.program import PROGRAMS, ROOT, Process
from servers.requirements import lacking

EXAMPLES = ROOT / "examples"
IN_EXAMPLES = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, EXAMPLES, PROGRAMS)))}

UWSGI_SAYS = {"hook-master-start": "print:The master is ready", "import": "uwsgi_ready"}
"""Options with which its processes say when they are ready for signals, which they ignore or forget before."""


class WebServer(Process):
    """A server that has said where it listens; `url` has no slash at its end."""

    def __init__(self, command: list[str], environment: Mapping[str, str], *, says: str) -> None:
        super().__init__(command, {**IN_EXAMPLES, **environment})
        try:
            self.url = f"http://127.0.0.1:{self.line(says).group(1)}"
        except BaseException:
            self.__exit__()
            raise

    def visit(self, paths: Iterable[str], *, at_once: int = 8) -> set[str]:
        """Get each path, so many at once; those that were answered well."""
        with ThreadPoolExecutor(at_once) as visitors:
            return {path for path, is_well in visitors.map(self._get, paths) if is_well}

    def _get(self, path: str) -> tuple[str, bool]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            connection.request("GET", path, headers={"Connection": "close", "X-Visitor": path})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return path, False
        finally:
            connection.close()
        return path, answer.status == 200


def gunicorn(
    environment: Mapping[str, str],
    *options: str,
    app: str = "app:application",
    workers: int = 2,
    configuration: Path = PROGRAMS / "gunicorn_bare.py",
) -> WebServer:
    """gunicorn's gevent worker, without our hooks unless the configuration has them; ready for requests and signals."""
    if find_spec("gunicorn") is None:
        lacking("gunicorn")
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", str(workers), "-b", "127.0.0.1:0"]
    command += ["-c", str(configuration), *options, app]
    server = WebServer(command, environment, says=r"Listening at: http://127\.0\.0\.1:(\d+)")
    if configuration.parent == PROGRAMS:
        server.line(f"(?s)(The worker is ready.*){{{workers}}}")
    return server


def uwsgi(
    environment: Mapping[str, str],
    *options: str,
    app: str = "app:application",
    workers: int = 2,
    address: str = "127.0.0.1:0",
) -> WebServer:
    """uWSGI's gevent loop, with a master, unless `options` begin with an ini file; ready for requests and signals.

    With no `workers`, for a configuration without the gevent loop, only its master is.
    """
    binary = Path(sys.executable).parent / "uwsgi"
    if not binary.exists():
        lacking("uWSGI")
    command = [str(binary), "--virtualenv", sys.prefix]
    if options[:1] != ("--ini",):
        command += ["--http-socket", address, "--master", "--processes", str(workers), "--gevent", "50"]
        command += ["--die-on-term", "--module", app]
    command += [f"--{option}={value}" for option, value in UWSGI_SAYS.items() if workers or option != "import"]
    server = WebServer([*command, *options], environment, says=r"bound to TCP address 127\.0\.0\.1:(\d+)")
    server.line("The master is ready")
    server.line(f"(?s)(The worker is ready.*){{{workers}}}")
    return server


def pywsgi(environment: Mapping[str, str], script: Path = EXAMPLES / "pywsgi_server.py") -> WebServer:
    """gevent's own server, as the example runs it."""
    return WebServer(
        [sys.executable, str(script)], {**environment, "PORT": "0"}, says=r"Listening at http://127\.0\.0\.1:(\d+)"
    )
