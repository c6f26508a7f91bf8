"""Configuration of the documentation site, which Sphinx builds."""

import sys
from pathlib import Path

import dgmm

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "dgmm"
author = "The dgmm developers"
project_copyright = "the dgmm developers"
release = version = dgmm.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "reference_tables",
    "repository_links",
]
exclude_patterns = [
    "_build",
    "data",
    "gallery/*",
    "**/GALLERY_HEADER.rst",
    "sg_execution_times.rst",
]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_typehints = "none"  # the sections "Parameters" say types
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_validation_checks = {"GL03", "GL08", "PR02", "PR03", "PR10", "SS03"}

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": "/",
    "download_all_examples": False,
    "min_reported_time": 1_000_000,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

smartquotes = False  # texts hold YAML

html_theme = "pydata_sphinx_theme"
html_title = f"dgmm {release}"
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
