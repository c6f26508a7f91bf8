"""Other ways to fit than EM over all rows: variational inference, and EM in steps."""
