"""Analysis of rules: what loads and is still most likely a mistake."""
