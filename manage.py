#!/usr/bin/env python
"""Django's command line: `manage.py help` lists the commands, `manage.py up` starts everything."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

WRONG_CONFIGURATION = 2


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faasweb.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(WRONG_CONFIGURATION)


if __name__ == "__main__":
    main()
