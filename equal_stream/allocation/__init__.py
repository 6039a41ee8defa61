"""Which passage is worth the next cent: targets, coverage, policies, budget and ledger. Knows no I/O."""
