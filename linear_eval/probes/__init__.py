"""What is fitted to frozen features, a probe a file; `linear_eval.probes.protocols` says which protocol takes which."""
