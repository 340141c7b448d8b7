"""Who a visitor of the demo's shop is: drawn by their number, the same in every run. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

_SEED = "segment-gevent"
_FIRST = (
    "Amara Ben Chiara Dimitri Elif Farid Grace Hana Ilya Jonas Kaja Luis Mara Nils Olga Priya Quentin Rosa Sami Tova"
)
_LAST = (
    "Almeida Berg Castillo Dubois Eriksen Fischer Grönvall Haddad Ivanova Jensen Kowalska Lindqvist Moreau Novák Okafor"
)
_COMPANIES = (
    ("Acme Print", "Printing", 30),
    ("Fjord Analytics", "Software", 120),
    ("Lumen Studio", "Design", 14),
    ("Harbour Hotels", "Hospitality", 640),
    ("Kestrel Freight", "Logistics", 2100),
)
# An address space of one's own for documentation: RFC 5737. None of them is anybody's.
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_LOCALES = ("en-GB", "en-US", "de-DE", "fr-FR", "sv-SE", "es-ES", "pl-PL", "pt-BR")
_MAC, _WINDOWS, _LINUX = "Macintosh; Intel Mac OS X 10_15_7", "Windows NT 10.0; Win64; x64", "X11; Linux x86_64"
_PHONE, _ANDROID = "iPhone; CPU iPhone OS 18_5 like Mac OS X", "Linux; Android 10; K"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
_USER_AGENTS = (
    f"Mozilla/5.0 ({_WINDOWS}) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 ({_MAC}) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 ({_ANDROID}) {_CHROME} Mobile Safari/537.36",
    f"Mozilla/5.0 ({_PHONE}) {_WEBKIT} Version/18.5 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 ({_MAC}) {_WEBKIT} Version/18.5 Safari/605.1.15",
    f"Mozilla/5.0 ({_LINUX}; rv:145.0) Gecko/20100101 Firefox/145.0",
)
_GOOGLE, _INSTAGRAM = "https://www.google.com/", "https://www.instagram.com/"
# From where somebody comes, and with which campaign.
_WAYS: tuple[tuple[str, dict[str, str]], ...] = (
    ("", {}),
    (_GOOGLE, {}),
    ("https://duckduckgo.com/", {}),
    ("", {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "autumn-roasts"}),
    (_GOOGLE, {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand", "utm_term": "filter coffee"}),
    (
        _INSTAGRAM,
        {"utm_source": "instagram", "utm_medium": "social", "utm_campaign": "grinder-week", "utm_content": "reel-2"},
    ),
)


@dataclass(frozen=True, slots=True)
class Persona:
    """One visitor. `campaign` is the query that they land with, "" for who came by themselves; `company` is None for
    who buys for themselves, else its name, its industry and how many work there."""

    name: str
    email: str
    ip: str
    user_agent: str
    locale: str
    referrer: str
    campaign: str
    company: tuple[str, str, int] | None

    @property
    def headers(self) -> dict[str, str]:
        """What their browser, and the proxy in between, say with each request."""
        headers = {
            "User-Agent": self.user_agent,
            "Accept-Language": f"{self.locale},{self.locale[:2]};q=0.8",
            "X-Forwarded-For": self.ip,
        }
        return {**headers, "Referer": self.referrer} if self.referrer else headers


def draws(number: int) -> Random:
    """The random draws of the visitor of that number: nobody else's change them, whoever comes first."""
    return Random(f"{_SEED} {number}")  # noqa: S311  # nothing secret: a story that is the same in every run


def persona(number: int, random: Random) -> Persona:
    """The visitor of that number.

    >>> ilya = persona(17, draws(17))
    >>> ilya == persona(17, draws(17)), ilya.email.endswith(".17@example.com")
    (True, True)
    """
    referrer, campaign = random.choice(_WAYS)
    first, last = random.choice(_FIRST.split()), random.choice(_LAST.split())
    return Persona(
        name=f"{first} {last}",
        email=f"{_ascii(first)}.{_ascii(last)}.{number}@example.com",
        ip=f"{random.choice(_NETWORKS)}.{random.randint(1, 254)}",
        user_agent=random.choice(_USER_AGENTS),
        locale=random.choice(_LOCALES),
        referrer=referrer,
        campaign=urlencode(campaign),
        company=random.choice(_COMPANIES) if random.random() < 0.25 else None,
    )


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
