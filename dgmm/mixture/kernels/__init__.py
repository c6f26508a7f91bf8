"""The E-step over blocks of rows, and the sums that the M-step needs."""
