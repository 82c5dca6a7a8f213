"""Trying a model of the user's own: what it can do (`probe`), and how well it works with tools (`bench`)."""

from kontora_agents.trials.bench import Bench, bench
from kontora_agents.trials.probe import Probe, probe

__all__ = ["Bench", "Probe", "bench", "probe"]
