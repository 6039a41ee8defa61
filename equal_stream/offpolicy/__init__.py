"""What another policy would have earned with the money of one's own log, estimated from what was logged."""
