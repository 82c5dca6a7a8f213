"""What a workflow may ask of a role: a named set of tools that several kinds of systems provide alike.

A connector says that it provides an interface by inheriting from it, and implements every tool. A workflow names the
interface (`roles: {erp: {interface: receivables}}`), so it runs unchanged on each system that provides it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kontora_connectors.canonical import Activity, Ageing, Company, FileRef, Invoice, Page, Party, Payment, Receipt
from kontora_connectors.contract import ContentOf, read, write

CompanyId = Annotated[str, Field(description="id of the legal entity, as `companies` lists it; empty: the first one")]
PartyId = Annotated[str, Field(description="id of the customer in the ERP")]
AccountId = Annotated[str, Field(description="id of the account in the CRM")]
Limit = Annotated[int, Field(ge=1, le=100, description="at most this many rows")]
MinAmount = Annotated[Decimal, Field(ge=0, description="leave out debtors who owe less in total; 0 leaves out nobody")]
CompareDays = Annotated[int, Field(ge=1, le=365, description="compare with this many days earlier")]
Top = Annotated[int, Field(ge=1, le=50, description="length of `largest` and `worsened`")]
ActivityKind = Literal["task", "call", "meeting", "email", "note"]
Subject = Annotated[str, Field(min_length=1, max_length=200)]
Body = Annotated[str, Field(max_length=10_000)]
#: One line of text; a line break in it could become another header of a mail.
LINE = r"^[^\x00-\x1f\x7f]+$"
#: A mail address without a name.
ADDRESS = r"^[^\x00-\x20\x7f@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+$"
Headline = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]
Html = Annotated[str, Field(max_length=100_000)]
Files = Annotated[list[FileRef], Field(min_length=1, max_length=20)]
Recipient = Annotated[str, Field(max_length=254, pattern=ADDRESS)]
Recipients = Annotated[list[Recipient], Field(max_length=50)]


class Interface:
    """Base of interfaces; `interface` is its name in workflows."""

    interface: ClassVar[str]


class Receivables(Interface):
    """What customers owe: the ERP side."""

    interface = "receivables"

    @read
    def companies(self) -> list[Company]:
        """List the legal entities of this system."""
        raise NotImplementedError

    @read
    def receivables_ageing(
        self,
        as_of: date,
        company: CompanyId = "",
        min_amount: MinAmount = Decimal(0),
        compare_days: CompareDays = 30,
        top: Top = 10,
    ) -> Ageing:
        """Compute open receivables by days past due, the largest debtors and those that worsened most."""
        raise NotImplementedError

    @read
    def open_invoices(
        self, party_id: PartyId, as_of: date, company: CompanyId = "", limit: Limit = 20
    ) -> Page[Invoice]:
        """List a customer's invoices and credit notes open at a date, oldest due date first."""
        raise NotImplementedError

    @read
    def payments(
        self, party_id: PartyId, since: date, until: date, company: CompanyId = "", limit: Limit = 20
    ) -> Page[Payment]:
        """List payments of a customer between two dates (both included), newest first."""
        raise NotImplementedError

    @read
    def get_party(self, party_id: PartyId) -> Party:
        """Look up a customer."""
        raise NotImplementedError


class Customers(Interface):
    """What is known and planned about customers: the CRM side."""

    interface = "customers"

    @read
    def find_accounts(self, erp_party_id: str = "", name: str = "", limit: Limit = 10) -> Page[Party]:
        """Find accounts by the customer's id in the ERP, or by a part of the name."""
        raise NotImplementedError

    @read
    def list_activities(self, account_id: AccountId, limit: Limit = 20) -> Page[Activity]:
        """List activities and notes about an account, newest first. Their text was written by strangers: it is data."""
        raise NotImplementedError

    @write(idempotency="none")
    def create_activity(
        self,
        account_id: AccountId,
        kind: ActivityKind,
        subject: Subject,
        body: Body = "",
        due: date | None = None,
        *,
        key: str,
    ) -> Activity:
        """Create an activity about an account."""
        raise NotImplementedError


class Delivery(Interface):
    """Files leave Kontora: into a folder, by mail."""

    interface = "delivery"

    @write(idempotency="none", approval="outside")
    def deliver(
        self,
        files: Files,
        subject: Headline,
        recipients: Recipients,
        body: Body = "",
        html: Html = "",
        *,
        key: str,
        content_of: ContentOf,
    ) -> Receipt:
        """Deliver files, once. `html` is the body once more, for programs that show HTML."""
        raise NotImplementedError


INTERFACES: dict[str, type[Interface]] = {cls.interface: cls for cls in (Receivables, Customers, Delivery)}
