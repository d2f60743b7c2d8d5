"""Commands that need the backend; the command line finds them by the entry-point group `trueline.commands`."""
