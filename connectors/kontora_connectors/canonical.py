"""The small vocabulary every ERP and CRM shares: a thin projection, never the truth.

Money is `Decimal` in units of `currency` (ISO 4217), dates are ISO dates, unknown is `None` and never 0. `status` is
ours, `status_native` is the system's own word. What has no place here goes into `extra`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from kontora_connectors.labels import Label

T = TypeVar("T")

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]


class Record(BaseModel):
    """A frozen value that travels between rooms."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Record, Generic[T]):
    """Some rows of an answer. `truncated` says that the system holds more than these."""

    items: list[T]
    truncated: bool = False


class Company(Record):
    """A legal entity that keeps its own books."""

    id: str
    name: str
    currency: Currency


class Party(Record):
    """A customer or supplier."""

    id: str
    name: str
    tax_id: Annotated[str | None, Label.CONFIDENTIAL] = None
    country: str | None = Field(None, description="ISO 3166 alpha-2")
    email: Annotated[str | None, Label.PII] = None
    phone: Annotated[str | None, Label.PII] = None
    on_hold: bool = False
    extra: dict[str, Any] = Field(default_factory=dict)


class Invoice(Record):
    """A customer invoice or credit note. `balance` is what is still to be paid (negative on a credit note)."""

    id: str
    number: str
    kind: Literal["invoice", "credit_note"] = "invoice"
    status: Literal["draft", "open", "partly_paid", "paid", "void"]
    status_native: str
    party_id: str
    issue_date: date
    due_date: date
    currency: Currency
    gross: Decimal
    paid: Decimal
    balance: Decimal
    days_overdue: int = Field(0, description="days past the due date at the date asked for; 0 if not due")
    disputed: bool = False
    extra: dict[str, Any] = Field(default_factory=dict)


class Payment(Record):
    """Money received from a party, or paid back to it (then negative)."""

    id: str
    party_id: str
    date: date
    amount: Decimal
    currency: Currency
    method: str = ""
    invoice_numbers: list[str] = Field(default_factory=list)


class Activity(Record):
    """A task, call, meeting, mail or note about a party, kept in the CRM."""

    id: str
    account_id: str
    kind: Literal["task", "call", "meeting", "email", "note"]
    subject: Annotated[str, Label.UNTRUSTED]
    body: Annotated[str, Label.UNTRUSTED] = ""
    author: str = ""
    at: datetime | None = None
    due: date | None = None
    done: bool = False


class Opportunity(Record):
    """A sale that may come about, kept in the CRM."""

    id: str
    account_id: str
    title: Annotated[str, Label.UNTRUSTED]
    stage: str
    status: Literal["open", "won", "lost"]
    amount: Decimal | None = None
    currency: Currency | None = None
    probability: int | None = Field(None, ge=0, le=100, description="percent")
    close_date: date | None = None


class Product(Record):
    """A thing on the price list."""

    id: str
    sku: str
    name: str
    unit: str
    price: Decimal | None = None
    currency: Currency | None = None


class StockLevel(Record):
    """How much of a product lies in one warehouse. `available` is what is on hand and not reserved."""

    product_id: str
    sku: str
    name: str
    warehouse: str
    unit: str
    on_hand: Decimal
    reserved: Decimal
    available: Decimal


#: A name without a path. It cannot begin with a dot, so it is neither hidden nor the folder above.
FileName = Annotated[str, Field(max_length=200, pattern=r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*$")]


class FileRef(Record):
    """A file by reference: what is shown, hashed and approved in its place. `size` is in bytes."""

    name: FileName
    media_type: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Receipt(Record):
    """Proof of a delivery: where it went, when, and what exactly. `files` have the names they have there."""

    id: str = Field(description="what it can be found by there: the Message-ID of a mail, the key of a folder")
    where: str = Field(description="a folder, or the mail server that took it")
    at: datetime
    recipients: list[str] = Field(default_factory=list)
    files: list[FileRef]
    answer: str = Field("", description="what the other side said")


class Bucket(Record):
    """One column of an ageing report."""

    name: Literal["current", "1-30", "31-60", "61-90", "90+"]
    amount: Decimal
    invoices: int


class Debtor(Record):
    """What one party owes at a date, and how that compares with an earlier date."""

    party_id: str
    name: str
    total: Decimal = Field(description="open balance, credit notes taken off")
    overdue: Decimal = Field(description="the part of `total` that is past its due date")
    disputed: Decimal = Decimal(0)
    buckets: list[Bucket]
    days_overdue: int = Field(description="days the oldest open invoice is past due; 0 if none is")
    overdue_before: Decimal = Field(description="`overdue` at the date of comparison")
    change: Decimal = Field(description="`overdue` less `overdue_before`; positive is worse")


class Ageing(Record):
    """Open receivables of one company at a date, in buckets of days past due, computed by the database."""

    company: Company
    as_of: date
    compared_with: date
    total: Decimal
    overdue: Decimal
    disputed: Decimal
    parties: int
    invoices: int
    buckets: list[Bucket]
    largest: list[Debtor] = Field(description="the largest debtors by `total`")
    worsened: list[Debtor] = Field(description="the debtors whose `overdue` grew most")
