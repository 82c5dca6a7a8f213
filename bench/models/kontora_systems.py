"""The connectors to the ERP of the contest, one for each kind of work, as a user of Kontora writes them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeVar

from kontora_connectors import Config, Connector, Invalid, Record, Unavailable, read, write

from bench.models.side import Refused, call

_Found = TypeVar("_Found", bound=Record)


class System(Connector[Config]):
    """The ERP of one run."""

    def __init__(self, url: str) -> None:
        super().__init__(Config(), instance="erp")
        self._url = url

    def asked(self, form: type[_Found], tool: str, arguments: dict[str, Any], key: str | None = None) -> _Found:
        """Call a tool. Raises `Invalid` with what the ERP says, `Unavailable` if it says nothing."""
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            record = call(self._url, tool, given, key)
        except Refused as refused:
            raise Invalid(str(refused)) from None
        except OSError as error:
            raise Unavailable("The ERP does not answer.", detail=repr(error)) from error
        return form.model_validate({name: record[name] for name in form.model_fields})


class Customer(Record):
    customer_id: str
    name: str
    credit_limit: Decimal


class Order(Record):
    order_id: str
    total: Decimal
    currency: str


class Orders(System, kind="bench-orders"):
    """Sales orders."""

    @read
    def get_customer(self, customer_id: str) -> Customer:
        """Look a customer up by id."""
        return self.asked(Customer, "get_customer", {"customer_id": customer_id})

    @write(idempotency="native_key")
    def create_order(
        self,
        customer_id: str,
        amount: Decimal,
        currency: Literal["EUR", "USD", "RUB"],
        due_date: date,
        note: str | None = None,
        *,
        key: str,
    ) -> Order:
        """Create a sales order."""
        given = {
            "customer_id": customer_id,
            "amount": amount,
            "currency": currency,
            "due_date": due_date,
            "note": note,
        }
        return self.asked(Order, "create_order", given, key)


class Invoice(Record):
    invoice_id: str
    name: str
    open_amount: Decimal


class Payment(Record):
    payment_id: str
    booked: Decimal
    method: str


class Payments(System, kind="bench-payments"):
    """Payments of invoices."""

    @read
    def get_invoice(self, invoice_id: str) -> Invoice:
        """Look an invoice up by its id."""
        return self.asked(Invoice, "get_invoice", {"invoice_id": invoice_id})

    @write(idempotency="native_key")
    def book_payment(
        self,
        invoice_id: str,
        paid: Decimal,
        method: Literal["bank", "card", "cash"],
        paid_on: date,
        comment: str | None = None,
        *,
        key: str,
    ) -> Payment:
        """Book a payment on an invoice."""
        given = {"invoice_id": invoice_id, "paid": paid, "method": method, "paid_on": paid_on, "comment": comment}
        return self.asked(Payment, "book_payment", given, key)


class Product(Record):
    product_id: str
    name: str
    in_stock: int


class Movement(Record):
    movement_id: str
    moved: int
    warehouse: str


class Stock(System, kind="bench-stock"):
    """Movements of stock."""

    @read
    def get_product(self, product_id: str) -> Product:
        """Look a product up by its id."""
        return self.asked(Product, "get_product", {"product_id": product_id})

    @write(idempotency="native_key")
    def move_stock(
        self,
        product_id: str,
        quantity: int,
        warehouse: Literal["MAIN", "NORTH", "SOUTH"],
        moved_on: date,
        remark: str | None = None,
        *,
        key: str,
    ) -> Movement:
        """Move pieces of a product into a warehouse."""
        given = {
            "product_id": product_id,
            "quantity": quantity,
            "warehouse": warehouse,
            "moved_on": moved_on,
            "remark": remark,
        }
        return self.asked(Movement, "move_stock", given, key)


#: The connector of each world, and its tools.
SYSTEMS: dict[str, tuple[type[System], tuple[str, str]]] = {
    "orders": (Orders, ("get_customer", "create_order")),
    "payments": (Payments, ("get_invoice", "book_payment")),
    "stock": (Stock, ("get_product", "move_stock")),
}
