"""A host of a fleet: … NAME. Tracks without end, and says the messageId of everything that its outbox has accepted."""

import itertools
import sys

from beginning import begin

segment = begin(flush_after=0.02)

import gevent  # noqa: E402


@segment.on_success
def say(data, _response):
    """In one write, so that a kill cuts no line in two."""
    sys.stdout.write("".join(f"{message['messageId']}\n" for message in data["batch"]))
    sys.stdout.flush()


for number in itertools.count():
    segment.track(user_id=sys.argv[4], event="Counted", properties={"n": number})
    gevent.sleep(0.01)
