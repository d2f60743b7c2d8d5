"""The actions of `trueline alerts`."""
