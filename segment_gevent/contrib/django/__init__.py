"""A Django application: the default client by the settings, bindings for each request, `manage.py segment_check`.

To be named in `INSTALLED_APPS`, with its middleware in `MIDDLEWARE`. Importing it reads no settings.
"""
