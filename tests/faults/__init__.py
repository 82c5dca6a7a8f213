"""The proof of durability: faults on demand, and what foreign systems saw. `python -m tests.faults`; docs/faults.md."""
