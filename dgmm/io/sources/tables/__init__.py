"""Tables of columns: Parquet, and the table formats that keep Parquet files."""
