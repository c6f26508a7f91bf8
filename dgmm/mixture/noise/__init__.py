"""A component for rows that belong to no other: the same density everywhere."""
