"""The catalogue knows each event name, and what its properties are."""

from segment_gevent.debugger.catalogue import MAX_NAMES, MAX_PROPERTIES, Catalogue
from segment_gevent.debugger.event import Event


def event(name: str | None, at: float = 0.0, kind: str = "track", *problems: str, **properties: object) -> Event:
    return Event(b"{}", kind, name, "ada", None, None, problems, at, 1, properties=properties)


def test_a_name_has_its_properties_with_their_types() -> None:
    """Counts for each type that JSON has, when the name came first and last, and how often it was wrong."""
    catalogue = Catalogue()
    catalogue.add(event("Bought", 1.0, total=1, tags=["a"], gift=True))
    catalogue.add(event("Bought", 2.0, "track", "no", total="1", tags=None, address={}))
    (name,) = catalogue
    assert name.as_dict() == {
        "type": "track",
        "event": "Bought",
        "count": 2,
        "invalid": 1,
        "firstSeen": "1970-01-01T00:00:01.000Z",
        "lastSeen": "1970-01-01T00:00:02.000Z",
        "properties": {
            "total": {"number": 1, "string": 1},
            "tags": {"array": 1, "null": 1},
            "gift": {"boolean": 1},
            "address": {"object": 1},
        },
    }


def test_the_most_frequent_come_first() -> None:
    """Pages and tracked events of one name are two; what has no name is none."""
    catalogue = Catalogue()
    for name, kind in (("Home", "track"), ("Home", "page"), ("Home", "page"), (None, "identify")):
        catalogue.add(event(name, kind=kind))
    assert [(name.type, name.event, name.count) for name in catalogue] == [("page", "Home", 2), ("track", "Home", 1)]


def test_names_and_properties_are_bounded() -> None:
    """Made up without end, they do not fill the memory; long ones are cut."""
    catalogue = Catalogue()
    for number in range(MAX_NAMES + 5):
        catalogue.add(event(f"name {number}"))
    assert len(list(catalogue)) == MAX_NAMES
    catalogue.add(event("name 0", **{"y" * 1000: 1}))
    catalogue.add(event("name 0", **{"y" * 1000: 1}))
    assert next(iter(catalogue)).properties == {"y" * 200: {"number": 2}}
    many = {f"{number}" + "x" * 1000: 1 for number in range(MAX_PROPERTIES + 5)}
    catalogue.add(event("name 1", 0.0, **many))
    catalogue.add(event("name 1", 0.0, **many))
    catalogue.add(event("name 1"))
    name = next(iter(catalogue))
    assert len(name.properties) == MAX_PROPERTIES
    assert max(map(len, name.properties)) < 1000
