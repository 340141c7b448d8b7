"""Functions that take the options as their own arguments: declared once, shown and checked in each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args, get_type_hints, overload

from segment_gevent.delivery.transport import Transport
from segment_gevent.options import Options, options_from

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


class Giver(Protocol[P]):
    """Gives a function the arguments `P` in place of its last, which is an Options."""

    @overload
    def __call__(self, function: Callable[[Options], R]) -> Callable[P, R]: ...
    @overload
    def __call__(self, function: Callable[[C, Options], R]) -> Callable[Concatenate[C, P], R]: ...


def takes_options(make: Callable[P, Options]) -> Giver[P]:
    """Give a function, or a method, the signature of `make` in place of its last parameter."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        of_function = inspect.signature(function)
        own = list(of_function.parameters.values())[:-1]

        @wraps(function)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            of_caller, of_options = arguments[: len(own)], arguments[len(own) :]
            return function(*of_caller, make(*of_options, **options_from(options)))

        wrapper.__signature__ = of_function.replace(  # type: ignore[attr-defined]
            parameters=[*(each.replace(kind=each.POSITIONAL_ONLY) for each in own), *_accepted(make)]
        )
        return wrapper

    return decorate


@cache
def _accepted(make: Callable[..., Options]) -> list[inspect.Parameter]:
    """The parameters as a caller sees them: with the type that an option takes, and not the one that declares it."""
    types = get_type_hints(Options, localns={"Transport": Transport})
    parameters = inspect.signature(make).parameters
    return [each.replace(annotation=get_args(types[name])[0]) for name, each in parameters.items()]
