"""What is known before a fit: the components of some rows, and priors."""
