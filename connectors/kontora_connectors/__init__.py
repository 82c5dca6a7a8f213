"""Floor 0: typed doors to ERP and CRM systems, and the SDK that plugins use."""

from kontora_connectors.canonical import (
    Activity,
    Ageing,
    Bucket,
    Company,
    Debtor,
    Invoice,
    Page,
    Party,
    Payment,
    Record,
)
from kontora_connectors.contract import CONTRACT, Config, Connector, Health, Tool, read, write
from kontora_connectors.errors import (
    AuthFailed,
    Conflict,
    ConnectorError,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from kontora_connectors.interfaces import INTERFACES, Customers, Interface, Receivables
from kontora_connectors.labels import Label

__all__ = [
    "CONTRACT",
    "INTERFACES",
    "Activity",
    "Ageing",
    "AuthFailed",
    "Bucket",
    "Company",
    "Config",
    "Conflict",
    "Connector",
    "ConnectorError",
    "Customers",
    "Debtor",
    "Forbidden",
    "Health",
    "Interface",
    "Invalid",
    "Invoice",
    "Label",
    "NotFound",
    "OutcomeUnknown",
    "Page",
    "Party",
    "Payment",
    "RateLimited",
    "Receivables",
    "Record",
    "Tool",
    "Unavailable",
    "read",
    "write",
]
