"""The example application, whose first uWSGI worker is interrupted as it takes over what the master tracked."""

import os
import signal
import sys
from types import FrameType

from app import application  # noqa: F401

from segment_gevent.delivery.uwsgi import Legacy

MASTER = os.getpid()


def interrupt(frame: FrameType, event: str, result: object) -> None:
    if event == "return" and frame.f_code is Legacy.claim.__code__ and result is True and os.getpid() != MASTER:
        os.kill(os.getpid(), signal.SIGINT)
        os.write(2, b"interrupted\n")


sys.setprofile(interrupt)
