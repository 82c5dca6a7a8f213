"""What a model said, read strictly: repaired where there is one reading, and sent back where there are more or none.

Functions without side effects: a run that is played again reads the recorded answer in the same way.
"""

__all__: list[str] = []
