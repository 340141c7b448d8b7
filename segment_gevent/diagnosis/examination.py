"""The examination: facts are gathered, checked and reported."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from segment_gevent.client import Client, clients
from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.oauth.token_request import token_url
from segment_gevent.diagnosis import checks, gathering
from segment_gevent.diagnosis.facts import Facts, Journey, Log, OAuth
from segment_gevent.diagnosis.finding import Finding
from segment_gevent.diagnosis.report import Diagnosis
from segment_gevent.errors import ConfigError
from segment_gevent.options import Options

OF_THE_WAY = frozenset({"host", "region", "proxies", "verify"})
"""Options without which another server would be reached, or by another way."""


def diagnose(client: Client | None, *, network: bool, within: float) -> Diagnosis:
    """Examine the process in which it is called, with the options of `client`, or of any; else the environment's."""
    client = client or any_client()
    with lifecycle.BorrowedHub():
        if client is None:
            facts = replace(process_facts(*usable({})), is_initialized=False)
        else:
            facts = replace(process_facts(client.options), stats=client.stats, health=client.health())
        facts = replace(facts, others=max(0, len(clients()) - 1))
        return examine(with_ways(facts, within) if network and not lifecycle.in_hub() else facts)


def any_client() -> Client | None:
    """The one that was called most, where there is no default client, as under `segment_gevent.analytics`."""
    return next(iter(clients()), None)


class Usable(NamedTuple):
    """What can be used of options that were given."""

    options: Options
    problem: str = ""
    """Why they can't be used as they were given."""
    refused: frozenset[str] = frozenset()
    """The names of those that `options` are without."""


def usable(given: Mapping[str, Any]) -> Usable:
    """The options that are given; where they raise, those that can be used each by itself."""
    try:
        return Usable(Options(**given))
    except ConfigError as error:
        problem = str(error)
    good = _in_place_of_the_environments()
    refused = set(good)
    for name, value in given.items():
        if _are_accepted({**good, name: value}):
            good[name] = value
            refused.discard(name)
        else:
            refused.add(name)
    return Usable(Options(**{**good, "enabled": False}), problem, frozenset(refused))


def _in_place_of_the_environments() -> dict[str, Any]:
    """Of the options that the environment has, those that are refused, each with what serves in its place."""
    instead = {"api_key": "unknown", "host": "https://api.segment.io", "outbox": ""}
    return {
        name: value
        for name, value in instead.items()
        if not _are_accepted({other: instead[other] for other in instead if other != name})
    }


def _are_accepted(options: Mapping[str, Any]) -> bool:
    try:
        Options(**{**options, "enabled": False})
    except ConfigError:
        return False
    return True


def process_facts(
    options: Options,
    problem: str = "",
    refused: frozenset[str] = frozenset(),
    *,
    is_application: bool = True,
    opens_files: bool = False,
) -> Facts:
    """Facts of the process and its files; imports neither ssl nor requests.

    Args:
        problem: why the options that were meant can't be used.
        refused: the names of those that can't.
        is_application: whether the application runs in this process.
        opens_files: whether to look into the spool's files, which blocks.
    """
    environment = dict(os.environ)
    return Facts(
        options=options,
        problem=problem,
        refused=refused,
        patching=gathering.patching.patching(is_application=is_application),  # first: what follows imports
        loop=gathering.loop.loop(),
        server=gathering.server.server(),
        fork=gathering.server.fork(),
        versions=gathering.versions.versions(),
        proxies=gathering.ways.proxies(options, environment),
        trust=gathering.ways.trust(options, environment),
        key=gathering.ways.key(options, environment, is_needed=options.enabled or bool(problem)),
        spool=gathering.disk.spool(options, opens_files=opens_files),
        oauth=gathering.disk.oauth(options),
        log=_log(options),
    )


def with_ways(facts: Facts, within: float) -> Facts:
    """The same, and the ways to the servers, of `within` seconds at most each; imports requests, and switches."""
    options = facts.options
    if options.transport is not None or options.uses_outbox:
        return facts
    try:
        from segment_gevent.diagnosis.gathering import journey
    except Exception as error:  # as requests 2.32.3 where the process was patched after urllib3's import
        words = f"requests cannot be imported: {type(error).__name__}: {error}"
        return replace(facts, journeys=(Journey(options.host, failure="transport", words=words),))
    if untried := facts.refused & OF_THE_WAY:
        return replace(facts, untried=tuple(sorted(untried)))
    ways: list[Journey] = [journey.travel(f"{options.host}/v1/batch", options, purpose="events", within=within)]
    oauth = facts.oauth
    if oauth is not None and not oauth.problem:
        ways.append(journey.travel(token_url(options.oauth_auth_server), options, purpose="tokens", within=within))
        if not ways[-1].failure:
            oauth = _with_token(oauth, journey.ask_for_token(options, within))
    return replace(facts, journeys=tuple(ways), oauth=oauth, proxies=journey.choice(facts.proxies, options))


def _with_token(oauth: OAuth, problem: str) -> OAuth:
    return replace(oauth, has_token=not problem, token_problem=problem)


def examine(facts: Facts) -> Diagnosis:
    """What the facts mean. Pure."""
    return Diagnosis(tuple(_findings(facts)))


def _findings(facts: Facts) -> Iterator[Finding]:
    options = facts.options
    yield from checks.patching.findings(facts.patching, facts.server)
    yield from checks.loop.findings(facts.loop)
    yield from checks.server.findings(facts.server, facts.fork, options)
    yield from checks.versions.findings(facts.versions, facts.patching)
    yield from checks.key.findings(facts.key)
    yield from checks.options.findings(options, facts.problem, is_initialized=facts.is_initialized, log=facts.log)
    yield from checks.options.of_others(facts.others)
    if facts.oauth is not None:
        yield from checks.oauth.findings(facts.oauth)
    if facts.spool is not None:
        yield from checks.spool.findings(facts.spool)
    yield from checks.proxies.findings(facts.proxies)
    yield from checks.trust.findings(facts.trust)
    yield from checks.reaching.of_untried(facts.untried)
    for journey in facts.journeys:
        yield from checks.reaching.findings(journey, facts.trust)
    yield from checks.clock.findings(facts.journeys)
    if facts.stats is not None and facts.health is not None and options.enabled:
        yield from checks.delivery.findings(facts.stats, facts.health)


def _log(options: Options) -> Log:
    logger = logging.getLogger("segment_gevent")
    hides = not options.log or options.log_level > logging.WARNING or not logger.isEnabledFor(logging.WARNING)
    return Log(is_disabled=logger.disabled, hides_warnings=hides)
