"""Forks while two connections idle and a third is in its TLS handshake: URL TLS_URL SILENT_TLS_URL CA hook|no-hook.

Parent and child then send on. Without the at-fork hook the child has only the check of its process id.
"""

import json
import os
import sys
import warnings

import gevent

from segment_gevent.delivery.transport import HttpTransport

url, tls_url, silent_url, bundle, hook = sys.argv[1:]
warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about a fork beside gevent's threadpool


def open_sockets() -> int:
    links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return sum(os.readlink(link).startswith("socket:") for link in links if os.path.islink(link))


transports = [HttpTransport(address, verify=bundle, proxies={}) for address in (url, tls_url, silent_url)]
plain, tls, silent = transports
if hook == "hook":
    os.register_at_fork(after_in_child=lambda: [transport.abandon() for transport in transports])

plain.send(b"parent", {})
tls.send(b"parent", {})
in_handshake = gevent.spawn(silent.send, b"parent", {})
plain.send(b"is the handshake under way?", {})
before = open_sockets()

reader, writer = os.pipe()
child = os.fork()
if child == 0:
    inherited = open_sockets()
    gevent.reinit()
    in_handshake.kill(block=False)
    statuses = [transport.send(b"child", {}).status_code for transport in (plain, tls)]
    report = {"closed": before - inherited, "statuses": statuses, "handshake": repr(in_handshake.exception)}
    os.write(writer, json.dumps(report).encode())
    os._exit(0)

os.close(writer)
child_report = b""
while piece := os.read(reader, 4096):
    child_report += piece
os.waitpid(child, 0)
statuses = [transport.send(b"parent again", {}).status_code for transport in (plain, tls)]
statuses.append(in_handshake.get(timeout=20).status_code)
for transport in transports:
    transport.close()
json.dump({"parent": statuses, "child": json.loads(child_report)}, sys.stdout)
