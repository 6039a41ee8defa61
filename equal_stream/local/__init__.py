"""The whole service on one machine: a local Ray, the embedded parts, and each role as a process."""
