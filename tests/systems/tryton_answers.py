"""What Tryton itself says about receivables, through its own API. Run by the Python that holds Tryton.

Two of its own figures are asked: the aged balance report (a customer's balance at any date), and what each invoice
still owes (`amount_to_pay`, only for the moment). The latter is put into buckets by Tryton too: `amount_to_pay_today`
is asked for several todays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from proteus import Model  # type: ignore[import-not-found]

Amounts = dict[str, Decimal]
#: Bucket: from how many days past due it counts.
FROM = {"1-30": 1, "31-60": 31, "61-90": 61, "90+": 91}


def bucket(days: int) -> str:
    """Return the bucket of a number of days past due."""
    return next((name for name, first in reversed(FROM.items()) if days >= first), "current")


class Answers:
    """Questions to the books. `open_at` sets Tryton's today."""

    def __init__(self, config: Any, company: Any, open_at: Callable[[date], None]) -> None:
        self.config, self.company, self.open_at = config, company, open_at

    def past(self, as_of: date) -> dict[str, Any]:
        """Return what the aged balance report says at a date."""
        aged, mixed = self._aged(as_of), self._with_credits(as_of)
        parties = {party.id: party for party in Model.get("party.party").find([("id", "in", list(aged))])}
        return {
            "as_of": as_of.isoformat(),
            "company": {"id": str(self.company.id), "currency": self.company.currency.code},
            "customers": {
                str(id_): {
                    "name": parties[id_].name,
                    "balance": str(sum(amounts.values())),
                    "aged": {name: str(amount) for name, amount in amounts.items()},
                    "only_debits": id_ not in mixed,
                }
                for id_, amounts in aged.items()
            },
        }

    def live(self, today: date) -> dict[str, Any]:
        """Return the same, and what each invoice owes today; only for the last day in the books."""
        said = self.past(today)
        invoices, buckets = self._invoices(today)
        for line in self._on_account():
            buckets[line.party.id][bucket((today - (line.maturity_date or line.date)).days)] += line.debit - line.credit
        for id_, customer in said["customers"].items():
            names = ("current", *FROM)
            customer["buckets"] = {name: str(buckets[int(id_)].get(name, Decimal(0))) for name in names}
        return {**said, "invoices": invoices}

    def _aged(self, as_of: date) -> dict[int, Amounts]:
        """Return buckets per party. The report has four terms, the first from the due date on: two give ours."""
        near, far = self._report(as_of, 1, 31, 61), self._report(as_of, 31, 61, 91)
        aged = {}
        for id_, row in near.items():
            older = {"1-30": row.term1, "31-60": row.term2, "61-90": far[id_].term2, "90+": far[id_].term3}
            amounts = {"current": row.balance - row.term1 - row.term2 - row.term3, **older}
            # On SQLite the report adds up floats; Tryton shows them with the two digits of the currency.
            aged[id_] = {name: round(Decimal(amount), 2) for name, amount in amounts.items()}
        return aged

    def _report(self, as_of: date, term1: int, term2: int, term3: int) -> dict[int, Any]:
        terms = {"term1": term1, "term2": term2, "term3": term3, "unit": "day"}
        with self.config.set_context(type="customer", date=as_of, company=self.company.id, posted=True, **terms):
            rows = Model.get("account.aged_balance").find([])
            return {row.party.id: row for row in rows}

    def _with_credits(self, as_of: date) -> set[int]:
        """Parties with a credit in that report; it shows a credit where it was booked, not where it is owed."""
        lines = Model.get("account.move.line").find(
            [
                ("account.type.receivable", "=", True),
                ("move.date", "<=", as_of),
                ("credit", ">", 0),
                ["OR", ("reconciliation", "=", None), ("reconciliation.date", ">", as_of)],
            ]
        )
        return {line.party.id for line in lines}

    def _invoices(self, today: date) -> tuple[dict[str, Any], dict[int, Amounts]]:
        """Return each open invoice, and per party the buckets of all of them."""
        said: dict[str, Any] = {}
        buckets: dict[int, Amounts] = defaultdict(lambda: defaultdict(Decimal))
        due_since = {name: self._to_pay(today - timedelta(days=first)) for name, first in FROM.items()}
        self.open_at(today)
        for invoice in self._posted():
            open_lines = [line for line in invoice.lines_to_pay if not line.reconciliation]
            lines = open_lines + [line for line in invoice.payment_lines if not line.reconciliation]
            said[str(invoice.id)] = {
                "number": invoice.number,
                "party": str(invoice.party.id),
                "currency": invoice.currency.code,
                "amount_to_pay": str(invoice.amount_to_pay),
                "due": min(line.maturity_date for line in open_lines).isoformat(),
            }
            mine = buckets[invoice.party.id]
            if len(open_lines) == 1:
                days = (today - open_lines[0].maturity_date).days
                mine[bucket(days)] += sum((line.debit - line.credit for line in lines), Decimal(0))
                continue
            owed = invoice.amount_to_pay
            for name in ("current", *FROM):
                first_of_next = next((each for each in FROM if FROM[each] > FROM.get(name, 0)), None)
                older = due_since[first_of_next][invoice.id] if first_of_next else Decimal(0)
                mine[name] += owed - older
                owed = older
        return said, buckets

    def _posted(self) -> list[Any]:
        found: list[Any] = Model.get("account.invoice").find([("type", "=", "out"), ("state", "=", "posted")])
        return found

    def _to_pay(self, today: date) -> dict[int, Decimal]:
        """What of each invoice is due on a day, after what was paid on it so far."""
        self.open_at(today)
        return {invoice.id: invoice.amount_to_pay_today for invoice in self._posted()}

    def _on_account(self) -> list[Any]:
        """Open lines that are neither an invoice's own nor put down to one."""
        owed = {line.id for invoice in self._posted() for line in invoice.lines_to_pay}
        lines = Model.get("account.move.line").find(
            [("account.type.receivable", "=", True), ("reconciliation", "=", None), ("invoice_payment", "=", None)]
        )
        return [line for line in lines if line.id not in owed]
