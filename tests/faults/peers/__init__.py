"""Other systems under the same faults: `make faults-peers`. Not part of CI; see docs/faults.md.

A folder per peer holds what its user would write, by its documentation, and its pinned requirements. These programs
run in environments of their own and import nothing of this project.
"""
