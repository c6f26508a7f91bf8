"""Start or join clusters described by a configuration, and close them.

The package imports nothing: workers import its plugin, and need none of the rest.
"""
