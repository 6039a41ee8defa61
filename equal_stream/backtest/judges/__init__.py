"""Judges of what was bought, none of which a policy can see: it is theirs to say what a policy is worth."""
