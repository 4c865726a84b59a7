"""`python -m prunepipe.cli`: the command line without its installed script."""

import sys

from prunepipe.cli.main import main

sys.exit(main())
