"""The proof: vectors of the integer model, and simulators that run the RTL on them."""
