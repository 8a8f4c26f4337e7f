"""The stories a user tells: load, quantize, evaluate, benchmark, predict, inspect. One file each."""
