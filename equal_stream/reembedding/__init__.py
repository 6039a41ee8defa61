"""From one encoder to another without stopping: a second collection, filled beside the service."""
