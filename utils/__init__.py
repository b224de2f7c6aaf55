"""What every command needs and none owns. Imports nothing of ours."""
