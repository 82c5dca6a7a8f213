"""The demo company: two databases made by our own code from a seed, and the connectors that read them."""
