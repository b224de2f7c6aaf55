"""Wearable and other sensors: windows of many channels, and the spectrograms that encoders see."""
