"""Tables: one file a kind, and the three renderings of all."""
