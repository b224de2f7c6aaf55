"""How good frozen features are: probes with named protocols, baselines, result files and tables."""
