"""Speed as a ratio to a stated plain implementation, both sides in one run."""
