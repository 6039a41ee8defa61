"""The demo: the service on documentation that is on the machine already, aimed at one theme within it."""
