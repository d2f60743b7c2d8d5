"""The `trueline` command. Knows only the contract."""
