"""What a visitor of the demo's shop does, step by step: some leave at once, some look around, some buy. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

from segment_gevent.cli.demo.goods import CATEGORIES, COUPON, GOODS, Product, of_category
from segment_gevent.cli.demo.persona import Persona

_LEAVES_AT_ONCE = 0.15
_LOOKS_AROUND = 0.4  # those who leave at once included; the others go on to the checkout
_LONGEST_PAUSE = 3.0
_SEARCHES = ("grinder", "espresso", "filter", "decaf", "gift")


@dataclass(frozen=True, slots=True)
class Step:
    """A request to the shop, after a pause whose mean over all steps is about 1. `form` is None for a GET."""

    path: str
    form: dict[str, str] | None
    pause: float

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"

    @property
    def body(self) -> bytes | None:
        return None if self.form is None else urlencode(self.form).encode()


class Journey:
    """One visit; iterating over it gives its steps, the same for the same persona and draws."""

    def __init__(self, persona: Persona, random: Random) -> None:
        self._persona = persona
        self._random = random
        self._seen: list[Product] = []
        self._cart: dict[str, int] = {}

    def __iter__(self) -> Iterator[Step]:
        mood = self._random.random()
        yield self._land()
        if mood < _LEAVES_AT_ONCE:
            return
        yield from self._look_around()
        if mood < _LOOKS_AROUND:
            if self._random.random() < 0.3:
                yield self._add()
            return
        yield from self._fill_cart()
        yield self._become_known()
        yield from self._buy()

    def _step(self, path: str, form: dict[str, str] | None = None) -> Step:
        return Step(path, form, min(self._random.expovariate(1.0), _LONGEST_PAUSE))

    def _land(self) -> Step:
        query = self._persona.campaign and f"?{self._persona.campaign}"
        return self._step(f"/{query}")

    def _look_around(self) -> Iterator[Step]:
        category = self._random.choice(CATEGORIES)
        if self._random.random() < 0.25:
            yield self._step(f"/search?{urlencode({'q': self._random.choice(_SEARCHES)})}")
        yield self._step(f"/category/{category.lower()}")
        yield self._view(self._random.choice(of_category(category)))
        for _ in range(self._random.randint(0, 2)):
            yield self._view(self._random.choice(list(GOODS.values())))

    def _view(self, product: Product) -> Step:
        self._seen.append(product)
        return self._step(f"/product/{product.sku}")

    def _add(self) -> Step:
        sku = self._random.choice(self._seen).sku
        quantity = self._random.choice((1, 1, 1, 2, 3))
        self._cart[sku] = self._cart.get(sku, 0) + quantity
        return self._step("/cart", {"sku": sku, "quantity": str(quantity)})

    def _fill_cart(self) -> Iterator[Step]:
        yield self._add()
        if self._random.random() < 0.5:
            yield self._add()
        yield self._step("/cart")
        if len(self._cart) > 1 and self._random.random() < 0.3:
            sku, _ = self._cart.popitem()
            yield self._step("/cart", {"sku": sku, "quantity": "0"})

    def _become_known(self) -> Step:
        """Most are new to the shop; the others have an account from some earlier year."""
        who = {"name": self._persona.name, "email": self._persona.email}
        if self._random.random() < 0.3:
            return self._step("/signin", who)
        if self._persona.company is not None:
            company, industry, employees = self._persona.company
            who |= {"company": company, "industry": industry, "employees": str(employees)}
        return self._step("/signup", who)

    def _buy(self) -> Iterator[Step]:
        form = {"coupon": COUPON} if self._random.random() < 0.25 else {}
        yield self._step("/checkout", form)
        if self._random.random() < 0.85:
            yield self._step("/order", {})
