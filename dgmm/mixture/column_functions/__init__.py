"""Functions that are applied to single features before anything else is done to them."""
