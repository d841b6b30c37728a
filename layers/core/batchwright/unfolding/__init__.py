"""Turning an input that is no plain run of lines into one: compressed files, one large JSON body, Parquet."""
