"""From a ticket to pairs: ask, journal, check."""
