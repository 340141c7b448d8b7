"""The log's voice: one line when a trouble starts and one when it ends, however many events it touches."""

from __future__ import annotations

import logging

from segment_gevent.words import counted

LOGGER = "segment_gevent"


def logger_for(*, log: bool, level: int) -> logging.Logger:
    """The logger of a client: the package's own at `level`, or one that says nothing.

    The package's logger gets no handler: where an application configured none, Python's last resort still shows
    warnings, and a NullHandler would hide them.
    """
    if not log:
        mute = logging.Logger(LOGGER)
        mute.disabled = True
        return mute
    logger = logging.getLogger(LOGGER)
    logger.setLevel(level)
    return logger


class Trouble:
    """One kind of trouble, which is either on or off."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self.count = 0

    def __bool__(self) -> bool:
        return self.count > 0

    def start(self, text: str, *values: object, messages: int = 1, level: int = logging.WARNING) -> None:
        """Say `text` if the trouble is new; count `messages` either way."""
        is_new = not self.count
        self.count += messages
        if is_new:
            self._logger.log(level, text, *values)

    def end(self, text: str) -> None:
        """If the trouble was on, it is over: say `text`, in which `%s` is how many messages it touched."""
        if self.count:
            count, self.count = self.count, 0
            self._logger.info(text, counted(count, "message"))
