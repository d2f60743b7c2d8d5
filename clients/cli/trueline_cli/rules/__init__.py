"""The actions of `trueline rules` that ask a running server."""
