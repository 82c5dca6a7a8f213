"""A small demo company, the doors to it, and its rows once more, added up slowly."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from kontora_connectors.demo.crm import DemoCrm, DemoCrmConfig
from kontora_connectors.demo.erp import DemoErp, DemoErpConfig
from sqlalchemy import make_url

TODAY = date(2026, 11, 23)
SMALL: dict[str, Any] = {"today": TODAY, "customers": 120, "invoices": 1500, "seed": 9}


@dataclass
class Place:
    """Where the small company is."""

    erp_url: str
    crm_url: str

    def erp(self) -> DemoErp:
        return DemoErp(DemoErpConfig.model_validate({"url": self.erp_url}), instance="main-erp")

    def crm(self) -> DemoCrm:
        return DemoCrm(DemoCrmConfig.model_validate({"url": self.crm_url}), instance="main-crm")


def in_folder(folder: Path) -> Place:
    return Place(f"sqlite:///{folder / 'erp.db'}", f"sqlite:///{folder / 'crm.db'}")


@dataclass
class Books:
    """The rows of the ERP as plain dictionaries, and what they say, one document after another."""

    invoices: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    customers: dict[str, dict[str, Any]]

    def open_at(self, day: date, company: str) -> list[dict[str, Any]]:
        """Every document open at a date with its `balance` in minor units and `days` past due."""
        found = []
        for one in self.invoices:
            if one["status"] != "posted" or one["company_id"] != company or one["issue_date"] > day.isoformat():
                continue
            balance = one["gross_minor"]
            for payment in self.payments:
                if payment["invoice_id"] == one["id"] and payment["paid_on"] <= day.isoformat():
                    balance -= payment["amount_minor"]
            if balance:
                days = (day - date.fromisoformat(one["due_date"])).days
                found.append({**one, "balance": balance, "days": days})
        return found


def read_books(place: Place) -> Books:
    """Read the rows of an ERP in SQLite."""
    connection = sqlite3.connect(make_url(place.erp_url).database or "")
    connection.row_factory = sqlite3.Row
    tables = {
        name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
        for name in ("invoices", "payments", "customers")
    }
    connection.close()
    return Books(tables["invoices"], tables["payments"], {row["id"]: row for row in tables["customers"]})


def cents(minor: int) -> Decimal:
    return Decimal(minor) / 100


def by_customer(found: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        groups.setdefault(one["customer_id"], []).append(one)
    return groups
