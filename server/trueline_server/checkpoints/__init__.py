"""Scaling checkpoints: read, judged, kept, and every miss made a case that somebody sees to the end."""
