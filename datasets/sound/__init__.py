"""Sound: recordings of words and voices, and the log-mel spectrograms that encoders see."""
