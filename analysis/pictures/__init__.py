"""Pictures of encoders: filters, what units look for, which images excite them, and where a class is seen."""
