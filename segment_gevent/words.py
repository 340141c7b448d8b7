"""Numbers with their nouns, and what strangers wrote, as the log and the command say them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "message"), counted(1_250, "message"), counted(0, "file")
    ('1 message', '1,250 messages', '0 files')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    r"""What somebody else wrote, for a terminal or the log: in one line, and without what a terminal would obey.

    >>> printable("https://h\x1b[2J\n")
    'https://h\\x1b[2J\\n'
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
