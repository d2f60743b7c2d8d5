"""The verbs: a module each, with an object `command`."""
