"""The tests. Fixtures live in `conftest.py` and in modules named after their noun."""
