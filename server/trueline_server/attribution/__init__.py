"""Attribution: which touch earned a conversion."""
