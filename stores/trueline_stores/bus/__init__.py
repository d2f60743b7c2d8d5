"""The bus: tells watchers that something was written, never what; they read it from the warehouse."""

from trueline_stores.bus.in_process import Bus, InProcessBus, Written

__all__ = ["Bus", "InProcessBus", "Written"]
