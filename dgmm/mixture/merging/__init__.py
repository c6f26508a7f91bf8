"""Components joined into clusters: which pairs, what they lose, and how many clusters there are."""
