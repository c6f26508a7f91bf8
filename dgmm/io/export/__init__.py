"""What a result says of each row, as files of other programs, and its model as theirs."""
