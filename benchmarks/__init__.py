"""How fast it is: one file per benchmark, listed in `catalogue`; run them with `lets bench`."""
