"""The demo's shop as its visitors see it: small pages of plain HTML, for who looks in with a browser. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from segment_gevent.cli.demo.goods import CATEGORIES, COUPON, CURRENCY, GOODS, Product, price
from segment_gevent.cli.demo.session import Session

_STYLE = "body{font:1rem/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem}form{margin:.5rem 0}"


def page(title: str, *parts: str) -> str:
    """A whole page; the title is text, the parts are HTML."""
    ways = "".join(f' · <a href="/category/{name.lower()}">{name}</a>' for name in CATEGORIES)
    head = f'<!doctype html><html lang="en"><title>{escape(title)}</title><style>{_STYLE}</style>'
    way = f'<p><a href="/">Northbound Coffee</a>{ways} · <a href="/cart">Cart</a></p>'
    return "".join((head, way, f"<h1>{escape(title)}</h1>", *parts))


def home(session: Session) -> str:
    """A search, and a place to become known."""
    search = '<form action="/search"><input name="q" aria-label="Search"> <button>Search</button></form>'
    return page("Northbound Coffee", search, _account(session))


def listing(title: str, products: Iterable[Product]) -> str:
    """Products with links to them."""
    return page(
        title, *(f'<p><a href="/product/{each.sku}">{each.name}</a>, {_money(each.price)}</p>' for each in products)
    )


def product(thing: Product) -> str:
    """One product, to be put into the cart."""
    quantity = '<input name="quantity" type="number" min="1" value="1" aria-label="Quantity">'
    add = _form("/cart", f"{quantity} <button>Add to cart</button>", sku=thing.sku)
    return page(thing.name, f"<p>{thing.brand}, {_money(thing.price)}</p>", add)


def cart(session: Session) -> str:
    """What is in it, and the ways on: to become known, to the checkout, and then to the order."""
    if not session.cart:
        return page("Cart", "<p>There is nothing in it.</p>", _account(session))
    lines = [_line(GOODS[sku], quantity) for sku, quantity in session.cart.items()]
    total = f"<p>Together {_money(price(session.cart).subtotal)}</p>"
    return page("Cart", *lines, total, _account(session), _way_on(session))


def _way_on(session: Session) -> str:
    if session.order_id:
        return _form("/order", f"<button>Order for {_money(price(session.cart, session.coupon).total)}</button>")
    coupon = f'<input name="coupon" placeholder="{COUPON}" aria-label="Coupon">'
    return _form("/checkout", f"{coupon} <button>To the checkout</button>")


def _line(thing: Product, quantity: int) -> str:
    remove = _form("/cart", "<button>Remove</button>", sku=thing.sku, quantity="0")
    return f"<p>{quantity} × {thing.name}, {_money(thing.price)}</p>{remove}"


def _account(session: Session) -> str:
    if session.user_id:
        return f"<p>You are customer {escape(session.user_id)}.</p>"
    fields = (("name", "Name", ""), ("email", "E-mail", "required"), ("company", "Company, if you buy for one", ""))
    inputs = " ".join(
        f'<input name="{name}" placeholder="{words}" aria-label="{words}" {more}>' for name, words, more in fields
    )
    return _form("/signup", f"{inputs} <button>Sign up</button>")


def _form(action: str, inputs: str, **hidden: str) -> str:
    values = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden.items())
    return f'<form method="post" action="{action}">{values}{inputs}</form>'


def _money(amount: float) -> str:
    return f"{amount:.2f} {CURRENCY}"
