"""What passes find out of rows: which values are there, whether they can be fitted, outliers."""
