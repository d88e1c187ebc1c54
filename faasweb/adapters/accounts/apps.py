from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "faasweb.adapters.accounts"
    label = "accounts"
    verbose_name = "Access"
