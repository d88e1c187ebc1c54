"""The web stack alone: pages, API and operator site, everything that computes (`manage.py web`)."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from faasweb.routing import BoundedWsgi

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faasweb.settings")

application = BoundedWsgi(get_wsgi_application(), origins=settings.CORS_ORIGINS)
