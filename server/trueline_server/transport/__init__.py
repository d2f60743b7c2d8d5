"""What every call passes: tenant, deadline, field rules, errors; and the standard health and reflection services."""
