"""Images whose cells have places: GeoTIFF and NIfTI."""
