"""Floor 1: agents on local models. AutoGen talks, the journal above remembers."""
