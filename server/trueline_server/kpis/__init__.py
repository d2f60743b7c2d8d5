"""KPIs: their evaluation, the alignment score, priority actions and data quality."""
