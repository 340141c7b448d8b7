"""What proves to the server who sends: the write key, or an access token under OAuth."""

from __future__ import annotations

from binascii import b2a_base64
from typing import Protocol


class Authorization(Protocol):
    """Makes the Authorization header of each request."""

    def header(self) -> str:
        """Its value; may switch.

        Raises:
            DeliveryError: there is none to be had.
        """

    def refused(self, header: str, status: int | None) -> bool:
        """The server answered `header` with `status`; whether the same request may fare better with a new one."""

    def close(self) -> None:
        """Let go of connections."""

    def abandon(self) -> None:
        """In a forked child: leave them to the parent."""


class Basic:
    """The write key as a user without a password."""

    def __init__(self, write_key: str) -> None:
        self._header = f"Basic {b2a_base64(f'{write_key}:'.encode(), newline=False).decode()}"

    def header(self) -> str:
        return self._header

    def refused(self, header: str, status: int | None) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass
