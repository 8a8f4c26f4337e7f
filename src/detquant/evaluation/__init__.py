"""What a detector is worth: accuracy, agreement with another one, SQNR."""
