"""Clients that send what asks for a fault, as a script or as gunicorn's application, and write down what they know.

FAULTS is a JSON object: `clients`, the options of each by name; `report`, a folder for a JSON file by each process. A
message names its fault, and the client that sends it is the one of that name, or else "main".
"""

import json
import os
import sys
from pathlib import Path

import gevent
from gevent.event import Event

from segment_gevent import Client

SETTINGS = json.loads(os.environ["FAULTS"])
COUNT = 3  # messages of a fault, at a time

changed = Event()
accepted = {}
fates = {}
reasons = {}


def make(name):
    client = Client("write-key", **SETTINGS["clients"][name])
    accepted[name] = []
    reasons[name] = []
    fates[name] = {"delivered": [], "failed": [], "dropped": []}

    def tell(fate, messages):
        fates[name][fate] += [identity(message) for message in messages]
        changed.set()

    client.on_success(lambda data, _: tell("delivered", data["batch"]))
    client.on_failure(lambda data, error: (tell("failed", data["batch"]), reasons[name].append(error.reason)))
    client.on_drop(lambda message, _: tell("dropped", [message]))
    return client


def identity(message):
    return [message["userId"], message["properties"]["fault"], message["properties"]["n"]]


clients = {name: make(name) for name in SETTINGS["clients"]}


def send(fault, visit=""):
    name = fault if fault in clients else "main"
    who = f"{os.getpid()} {visit}"
    for n in range(COUNT):
        assert clients[name].track(user_id=who, event="Fault", properties={"fault": fault, "n": n})
        accepted[name].append([who, fault, n])
    return clients[name]


def end():
    """Shut down, all at once, and write down what is known then."""
    gevent.joinall([gevent.spawn(client.shutdown) for client in clients.values()], raise_error=True)
    report = {
        name: {
            "accepted": accepted[name],
            **fates[name],
            "reasons": reasons[name],
            "stats": {
                part: getattr(client.stats, part)
                for part in ("submitted", "delivered", "failed", "dropped", "spooled", "pending", "replayed")
            },
        }
        for name, client in clients.items()
    }
    (Path(SETTINGS["report"]) / f"{os.getpid()}.json").write_text(json.dumps(report))


def application(environ, start_response):
    """Each visit to /FAULT/NUMBER sends what asks for that fault."""
    _, fault, number = environ["PATH_INFO"].split("/")
    send(fault, number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"sent"]


def script():
    """Send one fault's messages after another's, wait until the main client's are told a fate, and end."""
    for fault in sys.argv[1:]:
        client = send(fault)
        if client is clients["main"]:
            client.flush(30)
    with gevent.Timeout(60):
        while sum(map(len, fates["main"].values())) < len(accepted["main"]):
            changed.wait()
            changed.clear()
    end()


if __name__ == "__main__":
    script()
