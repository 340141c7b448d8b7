"""Takes the pictures of the local Segment's page, in docs/screenshots/, from a scene that is the same each time.

    python docs/screenshots.py            # all of them
    python docs/screenshots.py dark.png   # one

Wants Debian's chromium, and playwright, numpy and pillow from PyPI. The letters are those of the machine: with Debian's
fonts-inter and fonts-jetbrains-mono they are as in the pictures that are kept.
"""

from __future__ import annotations

import gzip
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.process import LocalSegment
from segment_gevent.version import __version__

FOLDER = Path(__file__).parent / "screenshots"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"]
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<match><test name="family"><string>ui-sans-serif</string></test><edit name="family" mode="prepend" binding="strong">
<string>Inter</string></edit></match>
<match><test name="family"><string>ui-monospace</string></test><edit name="family" mode="prepend" binding="strong">
<string>JetBrains Mono</string></edit></match></fontconfig>"""
HISTORY = 290
PEOPLE = ["ilya@example.org", "noor@example.org", "marta@example.org", "kenji@example.org", "ada@example.org"]
SONGS = [
    ("Blackbird", "The Beatles"),
    ("Teardrop", "Massive Attack"),
    ("Hyperballad", "Björk"),
    ("Pyramid Song", "Radiohead"),
]
PATHS = ["/", "/library", "/artists/bjork", "/pricing", "/playlists/17"]

Message = dict[str, Any]


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Shop:
    """A music shop's visitors, at random but the same each time."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        self.number = 0

    def message(self, at: float, who: int, kind: str, **fields: Any) -> Message:
        self.number += 1
        known = {"userId": PEOPLE[who]} if who < len(PEOPLE) else {}
        return {
            "type": kind,
            "messageId": f"{self.random.getrandbits(64):016x}-{self.number}",
            "timestamp": stamp(at),
            "anonymousId": f"visitor-{who + 11}",
            "context": {"library": {"name": "segment-gevent", "version": __version__}, "ip": f"203.0.113.{who + 20}"},
            **known,
            **fields,
        }

    def any(self, at: float) -> Message:
        """Something that a visitor does."""
        who = self.random.randrange(len(PEOPLE) + 4)
        draw = self.random.random()
        if draw < 0.34:
            path = self.random.choice(PATHS)
            properties = {"path": path, "referrer": "https://example.org/"}
            return self.message(
                at, who, "page", name={"/": "Home", "/pricing": "Pricing"}.get(path, "Library"), properties=properties
            )
        if draw < 0.42:
            return self.message(
                at, who, "identify", traits={"plan": self.random.choice(["free", "pro"]), "friends": 30 + who}
            )
        if draw < 0.46:
            return self.message(at, who, "screen", name="Player", properties={"offline": False})
        if draw < 0.49:
            return self.message(at, who, "group", groupId="band-4", traits={"seats": 5})
        title, artist = self.random.choice(SONGS)
        if draw < 0.8:
            properties = {"title": title, "artist": artist, "seconds": self.random.randrange(20, 320)}
            return self.message(at, who, "track", event="Played a Song", properties=properties)
        if draw < 0.9:
            return self.message(at, who, "track", event="Liked a Song", properties={"title": title})
        if draw < 0.95:
            value: object = self.random.choice([9.9, 19.9, "9.90"])
            return self.message(at, who, "track", event="Bought a Plan", properties={"plan": "pro", "price": value})
        if draw < 0.985:
            return self.message(at, who, "track", event="Searched", properties={"words": artist.lower(), "found": 12})
        return self.message(at, who, "track", event=None, properties={"title": title}) | {"messageId": 17}

    def path(self, now: float) -> list[tuple[float, Message]]:
        """One visitor's, from anonymous to known, each step with its time."""
        user = {"userId": "olga@example.org"}
        song = {"title": "Hyperballad", "artist": "Björk", "seconds": 41}
        steps = [
            (-251, "page", {"name": "Home", "properties": {"path": "/", "referrer": "https://example.org/"}}),
            (-246, "track", {"event": "Searched", "properties": {"words": "björk", "found": 12}}),
            (-243, "track", {"event": "Played a Song", "properties": song}),
            (-201, "page", {"name": "Pricing", "properties": {"path": "/pricing"}}),
            (-80, "identify", {**user, "traits": {"name": "Olga", "plan": "free", "friends": 3}}),
            (-78, "track", {**user, "event": "Signed Up", "properties": {"plan": "free", "from": "/pricing"}}),
            (-70, "track", {**user, "event": "Played a Song", "properties": {**song, "seconds": 290}}),
            (-12, "track", {**user, "event": "Bought a Plan", "properties": {"plan": "pro", "price": 9.9}}),
        ]
        found = []
        for ago, kind, fields in steps:
            at = now + ago + self.random.random()
            found.append((at, {**self.message(at, len(PEOPLE), kind, **fields), "anonymousId": "visitor-29"}))
        return found


def body(messages: list[Message]) -> bytes:
    return orjson.dumps({"batch": messages, "sentAt": stamp(time.time()), "writeKey": "shop"})


def history(path: Path, shop: Shop) -> None:
    """The last minutes, as a server that ran meanwhile would have kept them: taken in now, and dated back."""
    now = time.time()
    called = shop.path(now)
    for second in range(HISTORY, 3, -1):
        wave = 6 + 5 * ((HISTORY - second) % 90 > 60) + 3 * ((HISTORY - second) % 37 < 9)
        for _ in range(max(0, int(shop.random.gauss(wave, 2.4)))):
            at = now - second + shop.random.random()
            called.append((at, shop.any(at)))
    arrived = sorted(
        ((at + 0.05 + shop.random.expovariate(6), message) for at, message in called), key=lambda each: each[0]
    )
    with LocalSegment(strict=False, db=path) as server:
        for start in range(0, len(arrived), 500):
            send(server, [message for _, message in arrived[start : start + 500]])
    database = sqlite3.connect(path)
    database.executemany(
        "UPDATE events SET received_at = ?, batch = 1 WHERE id = ?",
        [(at, place) for place, (at, _) in enumerate(arrived, 1)],
    )
    database.commit()
    database.close()


def send(server: LocalSegment, messages: list[Message], *, retry: int = 0) -> None:
    packed = gzip.compress(body(messages))
    headers = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Authorization": "Basic c2hvcDo=",
        "User-Agent": f"segment-gevent/{__version__}",
        **({"X-Retry-Count": str(retry)} if retry else {}),
    }
    with Connection(server.url) as connection:
        connection.request("POST", "/v1/batch", packed, headers)


def scene(server: LocalSegment, shop: Shop) -> None:
    """What happens before the pictures: some requests, of which some meet a fault."""
    for turn in range(48):
        if turn == 41:
            server.faults([{"status": 503, "times": 2}, {"status": 429, "headers": {"Retry-After": "2"}}])
        time.sleep(0.17)  # or they would all be of one second of the chart
        now = time.time()
        messages = [shop.any(now - shop.random.random() * 0.3) for _ in range(shop.random.randrange(1, 4))]
        send(server, messages, retry={42: 1, 43: 2, 44: 3}.get(turn, 0))
    again = [shop.any(time.time() - 0.2) for _ in range(5)]
    send(server, again)
    broken = shop.message(time.time() - 0.3, 1, "track", properties={"title": "Blackbird"})
    send(
        server,
        [
            again[-1],
            broken,
            shop.message(
                time.time() - 0.1,
                0,
                "track",
                event="Bought a Plan",
                properties={
                    "plan": "pro",
                    "price": 9.9,
                    "currency": "EUR",
                    "trial": False,
                    "songs": [{"title": "Blackbird", "seconds": 138}, {"title": "Teardrop", "seconds": 331}],
                    "card": {"brand": "visa", "last4": "4242"},
                    "coupon": None,
                },
            ),
        ],
        retry=1,
    )
    send(server, [shop.any(time.time() - 0.1) for _ in range(3)])
    server.faults(
        [{"status": 429, "headers": {"Retry-After": "2"}, "times": 3}, {"delay": 1.5, "share": 0.3, "times": None}]
    )


def open_named(page: Page, name: str) -> None:
    page.locator(".row", has_text=name).first.click()
    page.locator(".detail h2").wait_for()


SHOTS: dict[str, tuple[str, tuple[int, int], str, Callable[[Page], object] | None]] = {
    "events.png": ("/", (1280, 800), "light", lambda page: open_named(page, "Bought a Plan")),
    "dark.png": ("/", (1280, 800), "dark", None),
    "names.png": ("/?view=names&name=track:Bought+a+Plan", (1280, 640), "light", None),
    "person.png": ("/?view=people&id=visitor-29", (1280, 640), "light", None),
    "requests.png": ("/?view=requests&request=44", (1280, 640), "dark", None),
    "faults.png": ("/?view=faults", (1280, 700), "light", None),
    "phone.png": ("/", (390, 780), "light", None),
    "phone-event.png": ("/", (390, 780), "dark", lambda page: open_named(page, "Bought a Plan")),
}


def main(wanted: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    shop = Shop()
    with tempfile.TemporaryDirectory() as folder:
        history(Path(folder) / "events.db", shop)
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS)
        with LocalSegment(strict=False, db=Path(folder) / "events.db") as server, sync_playwright() as playwright:
            scene(server, shop)
            environment = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env=environment)
            for name, shot in SHOTS.items():
                if not wanted or name in wanted:
                    take(browser.new_page, server.url, name, *shot)
            browser.close()


def take(
    new_page: Callable[..., Page], url: str, name: str, path: str, size: tuple[int, int], scheme: str, prepare: Any
) -> None:
    page = new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, device_scale_factor=1.5)
    page.goto(url + path)
    page.locator("main h1, main .row").first.wait_for()
    page.wait_for_function("document.fonts.status === 'loaded'")
    if prepare:
        prepare(page)
    page.wait_for_timeout(700)
    page.screenshot(path=FOLDER / name)
    page.close()
    shrink(FOLDER / name)


def shrink(path: Path) -> None:
    """To the 256 colours that most points have, the others to the nearest: a third of the size."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    colours, places, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-counts)[:256]]
    apart = np.square(colours[:, None].astype(int) - palette[None]).sum(axis=2)
    picture = Image.fromarray(apart.argmin(axis=1)[places].reshape(pixels.shape[:2]).astype("uint8"), "P")
    picture.putpalette(palette.tobytes())
    picture.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
