"""The published figures, and tables and charts of our results beside them."""
