"""The versions of the state's schema, as Alembic reads them."""
