"""Processes of our own, which no paper fixes. They are made to teach an encoder about photos, and use none."""
