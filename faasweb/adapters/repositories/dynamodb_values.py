"""Items and conditions in DynamoDB's notation. Every attribute name goes by an alias: many good names are reserved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faasweb.adapters.repositories.table import Item, Update, When

Attribute = dict[str, Any]


def to_attribute(value: object) -> Attribute:
    match value:
        case str():
            return {"S": value}
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case list() | tuple():
            return {"L": [to_attribute(part) for part in value]}
        case dict():
            return {"M": to_item(value)}
    raise TypeError(f"{type(value).__name__} is not stored")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """A whole number comes back as int, any other as float: DynamoDB has one kind of number, which is neither."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return _number(value)
        case "NULL":
            return None
        case "L" | "SS" | "NS":
            return [from_attribute(part) if kind == "L" else part for part in value]
        case "M":
            return from_item(value)
    return value


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number


def to_item(item: Mapping[str, Any]) -> dict[str, Attribute]:
    return {name: to_attribute(value) for name, value in item.items()}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> Item:
    return {name: from_attribute(attribute) for name, attribute in item.items()}


class Aliases:
    """Collects the names and values of one operation's expressions."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Attribute] = {}

    def name(self, name: str) -> str:
        alias = f"#{len(self.names)}"
        self.names[alias] = name
        return alias

    def value(self, value: object) -> str:
        alias = f":{len(self.values)}"
        self.values[alias] = to_attribute(value)
        return alias

    def arguments(self) -> dict[str, Any]:
        names = {"ExpressionAttributeNames": self.names} if self.names else {}
        values = {"ExpressionAttributeValues": self.values} if self.values else {}
        return names | values


def _condition(when: When | None, aliases: Aliases) -> dict[str, str]:
    if when is None:
        return {}
    exists = "attribute_exists" if when.present else "attribute_not_exists"
    expression = f"{exists}({aliases.name('PK')})"
    if when.present and when.equals is not None:
        name, value = when.equals
        alias = aliases.name(name)
        same = f"attribute_not_exists({alias})" if value is None else f"{alias} = {aliases.value(value)}"
        expression = f"{expression} AND {same}"
    return {"ConditionExpression": expression}


def condition(when: When | None) -> dict[str, Any]:
    aliases = Aliases()
    expression = _condition(when, aliases)
    return expression | aliases.arguments()


def update_expression(update: Update) -> dict[str, Any]:
    aliases = Aliases()
    expression = _condition(update.when, aliases)
    clauses = {
        "SET": [f"{aliases.name(name)} = {aliases.value(value)}" for name, value in update.set.items()],
        "ADD": [f"{aliases.name(name)} {aliases.value(amount)}" for name, amount in update.add.items()],
        "REMOVE": [aliases.name(name) for name in update.remove],
    }
    text = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)
    return expression | {"UpdateExpression": text} | aliases.arguments()
