"""Posture of a subject as a file: OSCAL assessment results and plan of action, CSV, and a page for people."""
