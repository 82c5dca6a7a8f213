"""The price list of a shop, kept in a CSV file with the columns sku, name, price."""

import csv
from decimal import Decimal
from pathlib import Path

from kontora_connectors import Config, Connector, NotFound, Record, Unavailable, read


class Article(Record):
    sku: str
    name: str
    price: Decimal


class AcmeConfig(Config):
    path: Path


class Acme(Connector[AcmeConfig], kind="acme"):
    @read
    def price_of(self, sku: str) -> Article:
        """Look up the price of an article."""
        for article in self.price_list():
            if article.sku == sku:
                return article
        raise NotFound(f"There is no article {sku!r}.")

    @read
    def price_list(self) -> list[Article]:
        """List every article with its price."""
        try:
            with self.config.path.open(encoding="utf-8", newline="") as file:
                return [Article.model_validate(row) for row in csv.DictReader(file)]
        except OSError as error:
            raise Unavailable(f"The price list cannot be read: {error.strerror}.", detail=str(error)) from error
