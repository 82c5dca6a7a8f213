"""What is sold, at which price, and how much of it lies where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from kontora_connectors.demo.rows import Row
from kontora_connectors.demo.schema import folded

PRODUCTS = 800
_THINGS = (
    ("Clamp", "Хомут"), ("Bearing", "Подшипник"), ("Hinge", "Петля"), ("Valve", "Клапан"), ("Cable", "Кабель"),
    ("Filter", "Фильтр"), ("Gasket", "Прокладка"), ("Lamp", "Лампа"), ("Bracket", "Кронштейн"), ("Pump", "Насос"),
    ("Gloves", "Перчатки"), ("Sealant", "Герметик"), ("Drill", "Сверло"), ("Hose", "Шланг"), ("Switch", "Выключатель"),
    ("Sensor", "Датчик"),
)  # fmt: skip
_WAREHOUSES = (("W1", "DE01", "Hafen"), ("W2", "DE01", "Süd"), ("W3", "RU01", "Центральный"), ("W4", "RU01", "Речной"))
#: Kopecks for one cent: the price list in roubles is the one in euros times this, in whole roubles.
_ROUBLES = 95


@dataclass(frozen=True, slots=True)
class Product:
    """One product as planned; prices in minor units by currency."""

    id: str
    name: str
    unit: str
    prices: dict[str, int]
    reduced_tax: bool


def plan(seed: int) -> list[Product]:
    """Plan the price list."""
    rng = Random(f"{seed}:products")
    return [_product(rng, number) for number in range(1, PRODUCTS + 1)]


def _product(rng: Random, number: int) -> Product:
    english, russian = _THINGS[number % len(_THINGS)]
    cents = rng.choice((99, 190, 450, 1250, 2490, 4999, 8900, 15900)) + rng.randrange(0, 400, 5)
    unit = rng.choice(("pc", "pc", "pc", "box", "m"))
    model = f"{rng.choice('ABKMTX')}{rng.randint(10, 99)}"
    prices = {"EUR": cents, "RUB": cents * _ROUBLES // 100 * 100}
    return Product(f"P{number:04d}", f"{english} {model} / {russian} {model}", unit, prices, rng.random() < 0.05)


def product_rows(products: list[Product]) -> Iterator[Row]:
    """Yield rows of the table `products`."""
    for product in products:
        sku = f"{product.id[1:]}-{product.unit.upper()}"
        yield (product.id, sku, product.name, folded(product.name), product.unit, product.prices["EUR"], "EUR")


def warehouse_rows() -> Iterator[Row]:
    """Yield rows of the table `warehouses`."""
    yield from _WAREHOUSES


def stock_rows(seed: int, products: list[Product]) -> Iterator[Row]:
    """Yield rows of the table `stock`; some shelves are empty, and some promise more than they hold."""
    rng = Random(f"{seed}:stock")
    for product in products:
        for warehouse, _, _ in _WAREHOUSES:
            on_hand = 0 if rng.random() < 0.08 else rng.randint(1, 400)
            yield (product.id, warehouse, on_hand, rng.randint(0, 20 + on_hand // 3))
