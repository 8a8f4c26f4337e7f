"""PyTorch: the fake-quantised graph as a module, an exported program and a state dict."""
