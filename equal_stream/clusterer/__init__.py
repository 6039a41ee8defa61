"""The clusterer in motion: what it reads, how it goes on after a crash and with another encoder."""
