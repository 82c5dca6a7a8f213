"""Models that misbehave in the ways that real ones were seen to: scenarios, and a server that plays them."""
