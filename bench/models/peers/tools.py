"""The tools of every world as typed functions with docstrings: what the frameworks take, and what their users write.

They answer JSON texts. An ERP that refuses raises `Refused`; each side hands that to its framework in the way which its
documentation shows.
"""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from bench.models.side import Order, call

Tool = Callable[..., str]


def tools_of(order: Order) -> tuple[Tool, Tool]:
    """The tool that reads and the tool that writes in the world of an order."""
    return _WORLDS[order.world](order.erp)


def _said(erp: str, tool: str, **arguments: Any) -> str:
    given = {name: value for name, value in arguments.items() if value is not None}
    return json.dumps(call(erp, tool, given), ensure_ascii=False)


def _orders(erp: str) -> tuple[Tool, Tool]:
    def get_customer(customer_id: str) -> str:
        """Look a customer up by id."""
        return _said(erp, "get_customer", customer_id=customer_id)

    def create_order(
        customer_id: str,
        amount: Decimal,
        currency: Literal["EUR", "USD", "RUB"],
        due_date: date,
        note: str | None = None,
    ) -> str:
        """Create a sales order."""
        return _said(
            erp,
            "create_order",
            customer_id=customer_id,
            amount=amount,
            currency=currency,
            due_date=due_date,
            note=note,
        )

    return get_customer, create_order


def _payments(erp: str) -> tuple[Tool, Tool]:
    def get_invoice(invoice_id: str) -> str:
        """Look an invoice up by its id."""
        return _said(erp, "get_invoice", invoice_id=invoice_id)

    def book_payment(
        invoice_id: str,
        paid: Decimal,
        method: Literal["bank", "card", "cash"],
        paid_on: date,
        comment: str | None = None,
    ) -> str:
        """Book a payment on an invoice."""
        return _said(
            erp, "book_payment", invoice_id=invoice_id, paid=paid, method=method, paid_on=paid_on, comment=comment
        )

    return get_invoice, book_payment


def _stock(erp: str) -> tuple[Tool, Tool]:
    def get_product(product_id: str) -> str:
        """Look a product up by its id."""
        return _said(erp, "get_product", product_id=product_id)

    def move_stock(
        product_id: str,
        quantity: int,
        warehouse: Literal["MAIN", "NORTH", "SOUTH"],
        moved_on: date,
        remark: str | None = None,
    ) -> str:
        """Move pieces of a product into a warehouse."""
        return _said(
            erp,
            "move_stock",
            product_id=product_id,
            quantity=quantity,
            warehouse=warehouse,
            moved_on=moved_on,
            remark=remark,
        )

    return get_product, move_stock


_WORLDS: dict[str, Callable[[str], tuple[Tool, Tool]]] = {"orders": _orders, "payments": _payments, "stock": _stock}
