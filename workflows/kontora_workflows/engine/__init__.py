"""The durable engine: it runs a workflow out of the ledger, so that any process can go on where another stopped."""
