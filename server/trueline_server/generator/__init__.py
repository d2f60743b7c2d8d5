"""A synthetic podcast business: events of any number, from a seed, for benchmarks and for a board with all KPIs."""

from trueline_server.generator.business import SOURCE
from trueline_server.generator.stream import generate
from trueline_server.synthetic import FEWEST_EVENTS

__all__ = ["FEWEST_EVENTS", "SOURCE", "generate"]
