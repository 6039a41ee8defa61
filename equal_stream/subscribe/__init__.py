"""Pairs as they come: `selection` says which, `subscriber` reads them, `outputs` and `table` show them."""
