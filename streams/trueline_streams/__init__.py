"""The dataflow from the event log to the warehouse: the only place that knows Bytewax."""
