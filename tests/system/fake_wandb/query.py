"""As much of GraphQL as a server needs to refuse what the real one would: a query that does not parse, variables that are
not declared, not used or of the wrong type, fields nobody knows. An answer holds what was selected, and nothing else."""
import json
import re
from typing import Any, NamedTuple

TOKEN = re.compile(r'[\s,\ufeff]+|#[^\n]*|(\.\.\.|[!$():=@\[\]{}|&]|"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"'
                   r'|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*)')


class Refused(Exception):
    """What is answered in place of data."""

    def __init__(self, status, words, kind="body"):
        super().__init__(words)
        self.status, self.words, self.kind = status, words, kind


class Variable(NamedTuple):
    name: str


class Declared(NamedTuple):
    type: str  # as written, without spaces: "[String!]"
    has_default: bool
    default: Any


class Field(NamedTuple):
    alias: str
    name: str
    arguments: dict
    fields: list | None


class Spread(NamedTuple):
    fragment: str


class Operation(NamedTuple):
    kind: str
    name: str | None
    variables: dict
    fields: list
    used: set


class _Parser:
    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                raise Refused(400, f"Syntax Error: unexpected {text[at]!r}")
            if match[1]:
                self.tokens.append(match[1])
            at = match.end()
        self.at, self.used = 0, set()

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, wanted=None):
        token = self.peek()
        if token is None or wanted is not None and token != wanted:
            raise Refused(400, f"Syntax Error: expected {wanted or 'more'}, found {token or 'the end'}")
        self.at += 1
        return token

    def name(self):
        token = self.take()
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise Refused(400, f"Syntax Error: expected a name, found {token}")
        return token

    def skips(self, token):
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def value(self):
        token = self.take()
        if token == "$":
            self.used.add(self.peek())
            return Variable(self.name())
        if token == "[":
            values = []
            while not self.skips("]"):
                values.append(self.value())
            return values
        if token == "{":
            return self.pairs("}")
        if token.startswith('"""'):
            return token[3:-3]
        if token[0] in '"-0123456789' or token in ("true", "false", "null"):
            return json.loads(token)
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise Refused(400, f"Syntax Error: expected a value, found {token}")
        return token

    def pairs(self, end):
        values = {}
        while not self.skips(end):
            name = self.name()
            self.take(":")
            if name in values:
                raise Refused(400, f"There can be only one argument named {name}")
            values[name] = self.value()
        return values

    def type(self):
        if self.skips("["):
            text = "[" + self.type() + self.take("]")
        else:
            text = self.name()
        return text + ("!" if self.skips("!") else "")

    def declarations(self):
        declared = {}
        while not self.skips(")"):
            self.take("$")
            name = self.name()
            self.take(":")
            kind = self.type()
            has_default = self.skips("=")
            declared[name] = Declared(kind, has_default, self.value() if has_default else None)
        return declared

    def directives(self):
        while self.skips("@"):
            self.name()
            if self.skips("("):
                self.pairs(")")

    def selection(self):
        self.take("{")
        fields = []
        while not self.skips("}"):
            if self.skips("..."):
                if self.peek() in ("on", "{"):
                    if self.skips("on"):
                        self.name()
                    fields += self.selection()
                else:
                    fields.append(Spread(self.name()))
                continue
            alias = name = self.name()
            if self.skips(":"):
                name = self.name()
            arguments = self.pairs(")") if self.skips("(") else {}
            self.directives()
            fields.append(Field(alias, name, arguments, self.selection() if self.peek() == "{" else None))
        if not fields:
            raise Refused(400, "Syntax Error: an empty selection")
        return fields

    def operation(self, kind):
        self.used = set()
        name = self.name() if self.peek() not in ("(", "{", "@") else None
        declared = self.declarations() if self.skips("(") else {}
        self.directives()
        return Operation(kind, name, declared, self.selection(), self.used)


def parse(text, wanted=None):
    """The operation called `wanted` (or the only one), and the fragments."""
    parser, operations, fragments = _Parser(text), [], {}
    while parser.peek() is not None:
        if parser.peek() == "{":
            operations.append(Operation("query", None, {}, parser.selection(), parser.used))
            continue
        kind = parser.name()
        if kind == "fragment":
            name = parser.name()
            parser.take("on")
            parser.name()
            fragments[name] = parser.selection()
        elif kind in ("query", "mutation"):
            operations.append(parser.operation(kind))
        else:
            raise Refused(400, f"Syntax Error: unexpected {kind}")
    found = [operation for operation in operations if wanted in (None, operation.name)]
    if len(found) != 1:
        raise Refused(400, f"Unknown operation named {wanted}")
    return found[0], fragments


def _is_json(text):
    try:
        json.loads(text, parse_constant=lambda token: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return False
    return True


SCALARS = {
    "String": lambda v: isinstance(v, str),
    "ID": lambda v: isinstance(v, str),
    "JSONString": lambda v: isinstance(v, str) and _is_json(v),
    "Boolean": lambda v: isinstance(v, bool),
    "Int": lambda v: isinstance(v, int) and not isinstance(v, bool) and -2**31 <= v < 2**31,
    "Float": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}


def _fits(value, kind):
    if kind.endswith("!"):
        return value is not None and _fits(value, kind[:-1])
    if value is None:
        return True
    if kind.startswith("["):
        return isinstance(value, list) and all(_fits(each, kind[1:-1]) for each in value)
    return kind not in SCALARS or SCALARS[kind](value)


def check_variables(operation, variables):
    """The variables with their defaults; refuses what a server that takes types seriously would."""
    if not isinstance(variables, dict):
        raise Refused(400, "variables must be an object")
    for name in variables:
        if name not in operation.variables:
            raise Refused(400, f"Variable ${name} is not declared")
    values = {}
    for name, declared in operation.variables.items():
        if name not in operation.used:
            raise Refused(400, f"Variable ${name} is never used")
        value = variables.get(name, declared.default)
        if not _fits(value, declared.type):
            raise Refused(400, f"Variable ${name} got an invalid value; expected {declared.type}")
        values[name] = value
    for name in operation.used:
        if name not in values:
            raise Refused(400, f"Variable ${name} is not defined")
    return values


def _filled(value, variables):
    if isinstance(value, Variable):
        return variables[value.name]
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, variables) for name, each in value.items()}
    return value


def select(value, fields, fragments, variables):
    """What of `value` was asked for. A callable in it is a field with arguments."""
    if isinstance(value, list):
        return [select(each, fields, fragments, variables) for each in value]
    if not isinstance(value, dict) or fields is None:
        if value is not None and (fields is None) == isinstance(value, dict):
            raise Refused(400, "a selection of fields goes with an object, and an object with a selection")
        return value
    chosen = {}
    for field in fields:
        if isinstance(field, Spread):
            if field.fragment not in fragments:
                raise Refused(400, f"Unknown fragment {field.fragment}")
            chosen.update(select(value, fragments[field.fragment], fragments, variables))
        elif field.name == "__typename":
            chosen[field.alias] = "Fake"
        elif field.name not in value:
            raise Refused(400, f"Cannot query field {field.name}")
        else:
            found = value[field.name]
            if callable(found):
                found = found(_filled(field.arguments, variables))
            elif field.arguments:
                raise Refused(400, f"Field {field.name} takes no arguments")
            chosen[field.alias] = select(found, field.fields, fragments, variables)
    return chosen
