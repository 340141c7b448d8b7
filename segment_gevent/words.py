"""Numbers with their nouns, as the log and the command say them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "message"), counted(1_250, "message"), counted(0, "file")
    ('1 message', '1,250 messages', '0 files')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
