"""Floor 2: definitions, the durable engine, the ledger, the gate and reports."""
