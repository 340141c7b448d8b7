"""What the demo's shop sells. Pure."""

from __future__ import annotations

from dataclasses import dataclass

CURRENCY = "EUR"
COUPON = "WELCOME10"
_DISCOUNT = 0.1
_SHIPPING = 4.9
_FREE_FROM = 50.0


@dataclass(frozen=True, slots=True)
class Product:
    """One product. `price` is in euros."""

    sku: str
    name: str
    brand: str
    category: str
    price: float

    def properties(self, **more: object) -> dict[str, object]:
        """The product as Segment's ecommerce events have it, with more properties of that event."""
        return {
            "product_id": self.sku.lower(),
            "sku": self.sku,
            "name": self.name,
            "brand": self.brand,
            "category": self.category,
            "price": self.price,
            "currency": CURRENCY,
            **more,
        }


@dataclass(frozen=True, slots=True)
class Price:
    """What a cart costs, in euros."""

    subtotal: float
    discount: float
    shipping: float

    @property
    def revenue(self) -> float:
        """What the shop earns: Segment's `revenue` has no shipping in it."""
        return round(self.subtotal - self.discount, 2)

    @property
    def total(self) -> float:
        """What the customer pays."""
        return round(self.revenue + self.shipping, 2)


def price(cart: dict[str, int], coupon: str = "") -> Price:
    """The price of so many pieces of each sku.

    >>> price({"KET-01": 1, "FIL-01": 2}, COUPON)
    Price(subtotal=56.8, discount=5.68, shipping=0.0)
    """
    subtotal = round(sum(GOODS[sku].price * quantity for sku, quantity in cart.items()), 2)
    discount = round(subtotal * _DISCOUNT, 2) if coupon == COUPON else 0.0
    return Price(subtotal, discount, 0.0 if subtotal >= _FREE_FROM else _SHIPPING)


GOODS = {
    product.sku: product
    for product in (
        Product("ESP-01", "House Espresso, 1 kg", "Northbound", "Coffee", 24.9),
        Product("ETH-01", "Ethiopia Guji, 250 g", "Northbound", "Coffee", 13.5),
        Product("COL-01", "Colombia Huila, 250 g", "Northbound", "Coffee", 12.9),
        Product("DEC-01", "Evening Decaf, 250 g", "Northbound", "Coffee", 12.5),
        Product("KET-01", "Gooseneck Kettle", "Brevard", "Brewing", 49.0),
        Product("DRI-01", "Ceramic Dripper", "Kiln & Co", "Brewing", 22.0),
        Product("FIL-01", "Filter Papers, 100", "Kiln & Co", "Brewing", 3.9),
        Product("SCA-01", "Scale with Timer", "Brevard", "Brewing", 39.0),
        Product("GRI-01", "Hand Grinder", "Brevard", "Grinders", 129.0),
        Product("GRI-02", "Desk Grinder", "Brevard", "Grinders", 249.0),
        Product("CUP-01", "Espresso Cup", "Kiln & Co", "Cups", 11.5),
        Product("MUG-01", "Mug, Speckled", "Kiln & Co", "Cups", 16.0),
    )
}
CATEGORIES = tuple(dict.fromkeys(product.category for product in GOODS.values()))


def of_category(category: str) -> list[Product]:
    """The products of one category, in the shop's order."""
    return [product for product in GOODS.values() if product.category == category]


def found(words: str) -> list[Product]:
    """The products whose name or category has the words in it, whatever their case.

    >>> [product.sku for product in found("grinder")]
    ['GRI-01', 'GRI-02']
    """
    wanted = words.lower()
    return [product for product in GOODS.values() if wanted in f"{product.name} {product.category}".lower()]
