"""The visitors' stories: the same in every run, of every kind, and such that the shop has an answer to each step."""

from collections import Counter

from servers.shop import Customer

from segment_gevent.cli.demo.journey import Journey, Step
from segment_gevent.cli.demo.persona import Persona, draws, persona
from segment_gevent.testing import SegmentEvents


def journey(number: int) -> tuple[Persona, list[Step]]:
    random = draws(number)
    who = persona(number, random)
    return who, list(Journey(who, random))


def test_a_visitor_is_the_same_in_every_run() -> None:
    """By their number alone: who they are, what they do, and how long they think about it."""
    assert [journey(number) for number in range(50)] == [journey(number) for number in range(50)]
    assert len({journey(number)[0].email for number in range(50)}) == 50


def test_there_are_visitors_of_every_kind() -> None:
    """Some leave at once, some buy, as many as a shop would like; a pause is about 1 on average."""
    journeys = [journey(number)[1] for number in range(500)]
    ends = Counter(steps[-1].path.split("?")[0].strip("/").split("/")[0] for steps in journeys)
    assert {"", "product", "cart", "checkout", "order"} <= set(ends)
    assert ends["order"] > 200
    pauses = [step.pause for steps in journeys for step in steps]
    assert 0.8 < sum(pauses) / len(pauses) < 1.1
    people = [journey(number)[0] for number in range(500)]
    assert any(who.company for who in people)
    assert any(not who.company for who in people)
    assert len({who.user_agent for who in people}) > 3
    assert len({who.campaign for who in people}) == 4


def test_the_shop_answers_every_step(segment_events: SegmentEvents) -> None:
    """What visitors ask for is there; every event that the shop has for it is among theirs."""
    customers = [Customer(number) for number in range(200)]
    for number, customer in enumerate(customers):
        for step in journey(number)[1]:
            assert customer.take(step) in ("200 OK", "303 See Other"), step
    assert {message["event"] for message in segment_events.tracked()} == {
        "Products Searched",
        "Product List Viewed",
        "Product Viewed",
        "Product Added",
        "Product Removed",
        "Cart Viewed",
        "Signed Up",
        "Signed In",
        "Checkout Started",
        "Order Completed",
    }
