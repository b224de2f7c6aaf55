"""How probes of clean images do on corrupted ones: measuring it, tables and figures."""
