"""``python -m pipelines.online``."""

import sys

from pipelines.online import main

sys.exit(main())
