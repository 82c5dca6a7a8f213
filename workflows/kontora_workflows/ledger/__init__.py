"""The ledger: the only truth about runs. Everything else (a broker, a cache, a console) may be lost."""

from kontora_workflows.ledger.ledger import Ledger

__all__ = ["Ledger"]
