"""The MetricService: definitions, history and changes of metrics."""
