"""``python -m pipelines.stability``."""

import sys

from pipelines.stability import main

sys.exit(main())
