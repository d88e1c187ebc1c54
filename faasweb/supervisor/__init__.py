"""Keeps the processes of one machine running: `manage.py up`, and the parts of it that containers run alone.

Plain Python: nothing here knows Django. `keeper` is the process a person starts and stops; its only child is the
`supervisor`, whose children are the `parts`. Whichever of the two dies, the other one ends everything.
"""
