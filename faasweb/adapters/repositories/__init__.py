"""The product's data in one table of items.

``keys`` has every key, ``table`` the small role that a database plays; ``sqlite`` and ``dynamodb`` play it; a module
per noun holds the item's shape and its repository, written once for both.
"""
