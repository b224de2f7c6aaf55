"""What probes see: rows of a table, and the features of their images."""
