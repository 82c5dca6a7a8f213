"""A year of a trading company, kept in Tryton through Tryton's own API; and what Tryton then says about it.

Run by the Python of an environment that holds Tryton (see tryton_system.py), never by the one of the tests:

    TRYTOND_DATABASE_URI=... python tryton_books.py build         keep the books, day by day, in an activated database
    TRYTOND_DATABASE_URI=... python tryton_books.py says DATE     ask the finished books

Both print one JSON document. What an invoice still owes Tryton only knows for the moment, so `build` asks it at the end
of each day in ASKED, before the next day's entries are made.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from proteus import Model, Wizard, config  # type: ignore[import-not-found]
from tryton_answers import Answers  # type: ignore[import-not-found]
from trytond.modules.account.tests.tools import (  # type: ignore[import-not-found]
    create_chart,
    create_fiscalyear,
    create_tax,
    get_accounts,
)
from trytond.modules.account_invoice.tests.tools import (  # type: ignore[import-not-found]
    set_fiscalyear_invoice_sequences,
)
from trytond.modules.company.tests.tools import create_company, get_company  # type: ignore[import-not-found]

FIRST, LAST = date(2026, 1, 1), date(2026, 9, 30)
ASKED = (date(2026, 3, 31), date(2026, 5, 15), date(2026, 7, 31), LAST)
CUSTOMERS = (
    "Bäckerei Morgenrot GmbH",
    "ООО «Ромашка»",
    "Huile & Fils SARL",
    "АО «Северный ветер»",
    "Łódzkie Zakłady Papiernicze",
    "ИП Берёзкин",
    "Northgate Supplies Ltd",
    "ТОО «Алатау Трейд»",
    "Ølgaard Shipping A/S",
    "ЗАТ «Київські млини»",
    "Cortijo del Sur S.L.",
    "ООО «Ёлки и Палки»",
    "Ostsee Werft AG",
    "«Прогрес» ООД",
)
#: Name of a payment term: (share of the total, days) of each instalment.
TERMS = {
    "14 days": ((1, 14),),
    "30 days": ((1, 30),),
    "60 days": ((1, 60),),
    "two instalments": ((Decimal("0.5"), 30), (1, 60)),
    "three instalments": ((Decimal("0.3"), 15), (Decimal("0.3"), 45), (1, 75)),
}
#: How customers pay, in turn: (days after the invoice, share of what is open then, 1 for all of it).
HABITS: tuple[tuple[tuple[int, Decimal | int | str], ...], ...] = (
    (),
    ((10, 1),),  # before it is due
    ((75, 1),),  # late
    ((35, Decimal("0.4")),),
    ((8, Decimal("0.25")), (50, Decimal("0.3"))),
    ((40, Decimal("0.5")), (95, 1)),
    ((45, "first instalment"),),
    (),
    ((45, "all but three"),),
)
INVOICES = 40


class Books:
    """The company's books, and the day they are open at."""

    def __init__(self) -> None:
        self.config = config.set_trytond()
        self.config.skip_warning = True
        self.open_at(FIRST)
        self.agenda: list[tuple[date, int, Callable[[], None]]] = []
        self.entries = 0

    def open_at(self, day: date) -> None:
        """Make it this day for Tryton too."""
        self.day = day
        self.config.pool.get("ir.date").today = staticmethod(lambda timezone=None: day)

    def on(self, day: date, entry: Callable[[], None], first: bool = False) -> None:
        """Put an entry into the agenda, after all others of that day or before them."""
        self.entries += 1
        self.agenda.append((day, -1 if first else self.entries, entry))

    def keep(self) -> None:
        """Make the entries of the agenda, also those that it gets on the way, day by day."""
        while self.agenda:
            self.agenda.sort(key=lambda item: item[:2])
            day, _, entry = self.agenda.pop(0)
            self.open_at(day)
            entry()

    def found(self) -> None:
        """Set up company, chart of accounts, fiscal year, terms, tax and ways to pay."""
        euro, self.dollar = _currency("EUR", "Euro", "1"), _currency("USD", "US dollar", "1.10")
        own = Model.get("party.party")(name="Kontor Nordwind GmbH")
        own.save()
        create_company(own, euro, config=self.config)
        self.company = get_company(config=self.config)
        self.company.cancel_invoice_out = True
        self.company.save()
        create_chart(self.company, config=self.config)
        self.accounts = get_accounts(self.company, config=self.config)
        year = create_fiscalyear(self.company, (FIRST, date(2026, 12, 31)), config=self.config)
        set_fiscalyear_invoice_sequences(year, config=self.config).click("create_period")
        self.tax = create_tax(Decimal("0.19"), self.company, config=self.config)
        self.tax.save()
        self.terms = {name: _term(name, parts) for name, parts in TERMS.items()}
        self.customers = [_customer(name, number) for number, name in enumerate(CUSTOMERS)]
        self._found_ways_to_pay()

    def _found_ways_to_pay(self) -> None:
        self.journals = {journal.code: journal for journal in Model.get("account.journal").find([])}
        self.method = Model.get("account.invoice.payment.method")(
            name="Bank",
            journal=self.journals["CASH"],
            credit_account=self.accounts["cash"],
            debit_account=self.accounts["cash"],
        )
        self.method.save()
        self.write_off = Model.get("account.move.reconcile.write_off")(
            name="Small difference",
            journal=self.journals["EXC"],
            credit_account=self.accounts["expense"],
            debit_account=self.accounts["expense"],
        )
        self.write_off.save()

    def draft(self, customer: Any, amount: str | Decimal, term: str = "30 days", **more: Any) -> Any:
        """Write a customer's invoice, or a credit note if the amount is negative."""
        taxed = more.pop("taxed", False)
        account = more.pop("account", self.accounts["revenue"])
        invoice = Model.get("account.invoice")(type=more.pop("type", "out"))
        invoice.party, invoice.payment_term, invoice.invoice_date = customer, self.terms[term], self.day
        for name, value in more.items():
            setattr(invoice, name, value)
        line = invoice.lines.new()
        line.account, line.description = account, "Goods"
        line.quantity, line.unit_price = (1 if Decimal(amount) > 0 else -1), abs(Decimal(amount))
        if taxed:
            line.taxes.append(Model.get("account.tax")(self.tax.id))
        invoice.save()
        return invoice

    def bill(self, customer: Any, amount: str | Decimal, term: str = "30 days", **more: Any) -> Any:
        """Write an invoice and post it."""
        invoice = self.draft(customer, amount, term, **more)
        invoice.click("post")
        return invoice

    def pay(self, invoice: Any, amount: Decimal, kind: str = "partial") -> None:
        """Pay some of an invoice with Tryton's wizard; `kind` is what to do if it does not come out even."""
        wizard = invoice.click("pay")
        wizard.form.amount, wizard.form.payment_method, wizard.form.date = amount, self.method, self.day
        wizard.execute("choice")
        if wizard.state != wizard.end_state:
            wizard.form.type = kind
            if kind == "writeoff":
                wizard.form.writeoff = self.write_off
            wizard.execute("pay")
        invoice.reload()

    def pay_share(self, invoice: Any, share: Decimal | int | str) -> None:
        """Pay a share of what is open."""
        if share == "all but three":
            self.pay(invoice, invoice.amount_to_pay - 3, "writeoff")
        elif share == "first instalment":
            self.pay(invoice, invoice.lines_to_pay[0].debit)
        else:
            self.pay(invoice, (invoice.amount_to_pay * Decimal(share)).quantize(Decimal("0.01")))

    def owed_lines(self, invoice: Any) -> list[Any]:
        """The lines on which an invoice is owed."""
        return [line for line in invoice.move.lines if line.account == self.accounts["receivable"]]


def _currency(code: str, name: str, rate: str) -> Any:
    currency = Model.get("currency.currency")(name=name, code=code, rounding=Decimal("0.01"))
    currency.rates.new(date=date(2025, 1, 1), rate=Decimal(rate))
    currency.save()
    return currency


def _term(name: str, parts: tuple[tuple[Decimal | int, int], ...]) -> Any:
    term = Model.get("account.invoice.payment_term")(name=name)
    for share, days in parts:
        if share == 1:
            term.lines.new(type="remainder").relativedeltas.new(days=days)
        else:
            line = term.lines.new(type="percent_on_total", ratio=share)
            line.relativedeltas.new(days=days)
    term.save()
    return term


def _customer(name: str, number: int) -> Any:
    party = Model.get("party.party")(name=name)
    if number % 3 == 0:
        party.contact_mechanisms.new(type="email", value=f"office{number}@example.com")
        party.contact_mechanisms.new(type="phone", value=f"+4930555{number:04}")
    if number == 0:
        party.identifiers.new(type="eu_vat", code="BE0897290877")
    party.save()
    return party


def trade(books: Books) -> None:
    """Put the daily trade into the agenda: invoices to every customer, paid as is their habit."""

    def bill(number: int) -> None:
        amount = Decimal(10_000 + number * 79_193 % 900_000) / 100
        customer, term = books.customers[number % len(CUSTOMERS)], list(TERMS)[number % len(TERMS)]
        invoice = books.bill(customer, amount, term, taxed=number % 2 == 0)
        for days, share in HABITS[number % len(HABITS)]:
            if (day := books.day + timedelta(days=days)) <= LAST:
                books.on(day, partial(books.pay_share, invoice, share))

    for number in range(INVOICES):
        books.on(date(2026, 1, 7) + timedelta(days=6 * number), partial(bill, number))


def oddities(books: Books) -> None:
    """Put everything else that happens to receivables into the agenda."""
    for day, entry in (
        (date(2026, 1, 5), opening_balance),
        (date(2026, 2, 2), refunded),
        (date(2026, 2, 9), credit_open),
        (date(2026, 2, 11), credit_against_invoice),
        (date(2026, 3, 3), overpaid),
        (date(2026, 3, 10), paid_on_account),
        (date(2026, 3, 17), in_dollars),
        (date(2026, 4, 1), rescheduled),
        (date(2026, 4, 14), cancelled),
        (date(2026, 5, 5), never_posted),
        (date(2026, 5, 6), bought),
    ):
        books.on(day, partial(entry, books))


def opening_balance(books: Books) -> None:
    """A debt from before Tryton, entered by hand."""
    move = Model.get("account.move")(journal=books.journals["MISC"], date=books.day)
    move.lines.new(account=books.accounts["revenue"], credit=Decimal("320.40"))
    move.lines.new(account=books.accounts["receivable"], party=books.customers[3], debit=Decimal("320.40"))
    move.click("post")


def refunded(books: Books) -> None:
    """An invoice taken back two months later by a credit note with refund."""
    invoice = books.bill(books.customers[4], "777.77")

    def credit() -> None:
        wizard = Wizard("account.invoice.credit", [invoice])
        wizard.form.with_refund, wizard.form.invoice_date = True, books.day
        wizard.execute("credit")

    books.on(date(2026, 4, 10), credit)


def credit_open(books: Books) -> None:
    """A credit note that nothing was set off against yet, and one paid back in part."""
    books.bill(books.customers[5], "-210.15")
    returned = books.bill(books.customers[6], "-400.00", "14 days")
    books.on(date(2026, 4, 20), lambda: books.pay(returned, Decimal("-150.00")))


def credit_against_invoice(books: Books) -> None:
    """A credit note that was reconciled with an invoice of the same amount."""
    invoice = books.bill(books.customers[7], "640.64", "60 days")

    def credit() -> None:
        note = books.bill(books.customers[7], "-640.64")
        Wizard("account.move.reconcile_lines", books.owed_lines(invoice) + books.owed_lines(note))

    books.on(date(2026, 5, 2), credit)


def overpaid(books: Books) -> None:
    """A customer who paid 50.00 too much and never asked for it."""
    invoice = books.bill(books.customers[8], "305.05")
    books.on(date(2026, 3, 25), lambda: books.pay(invoice, Decimal("355.05"), "overpayment"))


def paid_on_account(books: Books) -> None:
    """A customer who paid 80.00 too much, which was put down to the next invoice six weeks later."""
    invoice = books.bill(books.customers[9], "150.00", "14 days")
    books.pay(invoice, Decimal("230.00"), "overpayment")

    def use() -> None:
        lines = Model.get("account.move.line").find([("party", "=", books.customers[9].id)])
        (rest,) = (line for line in lines if line.credit == 80)
        rest.invoice_payment = books.bill(books.customers[9], "510.10")
        rest.save()

    books.on(date(2026, 4, 21), use)


def in_dollars(books: Books) -> None:
    """Invoices in another currency, one of them paid in part."""
    customer = _customer("Delaware Pine Trading LLC", len(CUSTOMERS))
    books.bill(customer, "1000.00", currency=books.dollar)
    paid = books.bill(customer, "2000.01", "60 days", currency=books.dollar)
    books.on(date(2026, 6, 1), lambda: books.pay(paid, Decimal("777.00")))


def rescheduled(books: Books) -> None:
    """A debt that the customer may pay in three monthly rates after all."""
    invoice = books.bill(books.customers[10], "1234.56", "14 days")

    def reschedule() -> None:
        (wizard,) = invoice.click("reschedule_lines_to_pay").actions
        wizard.form.start_date, wizard.form.frequency, wizard.form.number = date(2026, 6, 30), "monthly", 3
        wizard.execute("preview")
        wizard.execute("reschedule")

    books.on(date(2026, 5, 20), reschedule)


def cancelled(books: Books) -> None:
    """A posted invoice that was cancelled four weeks later; Tryton dates that back to the day of the invoice."""
    invoice = books.bill(books.customers[11], "888.80")
    books.on(date(2026, 5, 12), lambda: invoice.click("cancel"))


def never_posted(books: Books) -> None:
    """Drafts, a validated invoice, and a draft that was given up: nobody owes them."""
    books.draft(books.customers[0], "99999.01")
    books.draft(books.customers[1], "99999.02").click("validate_invoice")
    books.draft(books.customers[2], "99999.03").click("cancel")


def bought(books: Books) -> None:
    """An invoice from a supplier who is a customer too: not a receivable."""
    books.bill(books.customers[2], "432.10", type="in", account=books.accounts["expense"])


def build() -> dict[str, Any]:
    """Keep the books and return Tryton's answers of the days asked."""
    books = Books()
    books.found()
    trade(books)
    oddities(books)
    answers = Answers(books.config, books.company, books.open_at)
    said: dict[str, Any] = {}
    for day in ASKED:
        ask = partial(_ask, answers, said, day)
        books.on(day + timedelta(days=1), ask, first=True)
    books.keep()
    return said


def _ask(answers: Any, said: dict[str, Any], day: date) -> None:
    said[day.isoformat()] = answers.live(day)


def says(as_of: date) -> dict[str, Any]:
    """Return what Tryton says about the finished books at a date."""
    books = Books()
    answers = Answers(books.config, get_company(config=books.config), books.open_at)
    said: dict[str, Any] = answers.live(as_of) if as_of >= LAST else answers.past(as_of)
    return said


if __name__ == "__main__":
    answer = build() if sys.argv[1] == "build" else says(date.fromisoformat(sys.argv[2]))
    json.dump(answer, sys.stdout, ensure_ascii=False, indent=1)
