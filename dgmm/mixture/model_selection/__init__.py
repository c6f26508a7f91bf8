"""How many components to believe in: dependence, differences of models, slopes."""
