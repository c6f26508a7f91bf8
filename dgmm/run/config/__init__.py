"""The configuration of a run: YAML read, checked and explained."""
