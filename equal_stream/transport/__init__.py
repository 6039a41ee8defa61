"""The log under everything: Kafka, or SQLite when there is no Kafka."""
