"""Scaling checkpoints, pure: from what was read to the outcome of each cell, and from these to the verdict."""
