"""The tree as Python source: straight statements, three-valued throughout, made of nothing but names.

No text of an expression gets into the source: constants, names of facts and the functions of the closed list are passed
to it under names that are counted here (`k0`, `k1`, ...).
"""

from __future__ import annotations

from decimal import Decimal
from math import inf

from trueline_rules.expressions.regexes import compile_regex
from trueline_rules.expressions.tree import (
    Arithmetic,
    Attribute,
    Choice,
    Comparison,
    Exact,
    FactValue,
    Fallback,
    Literal,
    LiteralSet,
    Logic,
    Match,
    Membership,
    Minus,
    Node,
    Not,
    Now,
    Operator,
    Presence,
    ValueType,
    walk,
)
from trueline_rules.expressions.values import (
    CONVERTERS,
    as_datetime,
    attribute_of,
    decimal_of,
    number_modulo,
    time_difference,
    time_sum,
)

# The class whose values need no check beyond it; numbers need to be finite besides.
_CLASSES: dict[ValueType, type] = {
    ValueType.NUMBER: float,
    ValueType.TEXT: str,
    ValueType.BOOL: bool,
    ValueType.TEXTS: frozenset,
}
_SIGNS = {Operator.ADD: "+", Operator.SUB: "-", Operator.MUL: "*", Operator.DIV: "/"}


class Names:
    """What the source refers to, by the name it has there."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self._known: dict[object, str] = {}

    def add(self, value: object) -> str:
        """Give a value its name."""
        name = f"k{len(self.values)}"
        self.values[name] = value
        return name

    def once(self, value: object) -> str:
        """The name of a function, class or bound, which is given once."""
        if value not in self._known:
            self._known[value] = self.add(value)
        return self._known[value]


class StatementWriter:
    """Writes the statements that compute a tree; `lines` are those of one function's body."""

    def __init__(self) -> None:
        self.names = Names()
        self.lines: list[str] = []
        self._indent = 1
        self._count = 0
        self._facts: dict[str, str] = {}

    def write(self, node: Node) -> str:
        """Write all that a tree needs; answer the name that then holds its value."""
        for found in _loaded(node):
            self._load(found)
        if any(isinstance(found, Now) for found in walk(node)):
            self._put(f"now = {self.names.once(as_datetime)}({self.names.add('$now')}, now)")
        return self._value(node)

    def _load(self, fact: FactValue) -> None:
        name, key = self._new(), self.names.add(fact.name)
        self._facts[fact.name] = name
        convert = self.names.once(CONVERTERS[fact.type])
        self._put(f"{name} = get({key})")
        plain = _CLASSES.get(fact.type)
        guard = f"{name} is not None"
        if plain is not None:
            guard += f" and {name}.__class__ is not {self.names.once(plain)}"
        self._put(f"if {guard}: {name} = {convert}({key}, {name})")
        if fact.type is ValueType.NUMBER:
            self._put(f"elif {name} is not None and not {self._minus_inf} < {name} < {self._inf}: {name} = None")

    def _value(self, node: Node) -> str:  # noqa: PLR0911, PLR0912 - one case for each kind of node
        match node:
            case FactValue():
                return self._facts[node.name]
            case Now():
                return "now"
            case Literal():
                return self.names.add(node.value)
            case Exact():
                operand = self._value(node.operand)
                return self._set(f"{self.names.once(_exactly)}({operand}) if {operand} is not None else None")
            case Minus():
                operand = self._value(node.operand)
                # The minus sign would round a decimal to the digits of the thread's context.
                negative = f"{operand}.copy_negate()" if node.type is ValueType.DECIMAL else f"-{operand}"
                return self._set(f"{negative} if {operand} is not None else None")
            case Arithmetic():
                return self._arithmetic(node)
            case Attribute():
                operand = self._value(node.operand)
                function = self.names.add(attribute_of(node.attribute))
                return self._set(f"{function}({operand}) if {operand} is not None else None")
            case Choice():
                return self._choice(node)
            case Fallback():
                return self._fallback(node)
            case Comparison():
                left, right = self._value(node.left), self._value(node.right)
                known = self._known((node.left, left), (node.right, right))
                return self._set(f"{left} {node.comparator.value} {right}{known}")
            case Presence():
                test = "is not" if node.present else "is"
                return self._set(f"{self._value(node.operand)} {test} None")
            case Membership():
                return self._membership(node)
            case Match():
                operand = self._value(node.operand)
                test = self.names.add(compile_regex(node.pattern, search=node.search))
                negation = "not " if node.negated else ""
                return self._set(f"{negation}{test}({operand}) if {operand} is not None else None")
            case Not():
                operand = self._value(node.operand)
                return self._set(f"not {operand} if {operand} is not None else None")
            case Logic():
                return self._logic(node)
            case _:
                raise AssertionError(f"no code for {type(node).__name__}")

    def _arithmetic(self, node: Arithmetic) -> str:
        left, right = self._value(node.left), self._value(node.right)
        known = self._known((node.left, left), (node.right, right))
        if node.type in (ValueType.DATETIME, ValueType.DURATION):
            function = self.names.once(time_sum if node.operator is Operator.ADD else time_difference)
            return self._set(f"{function}({left}, {right}){known}")
        if node.type is ValueType.DECIMAL:
            return self._set(f"{self.names.add(decimal_of(node.operator))}({left}, {right}){known}")
        divides = node.operator in (Operator.DIV, Operator.MOD)
        if node.operator is Operator.MOD:
            computed = f"{self.names.once(number_modulo)}({left}, {right})"
        else:
            computed = f"{left} {_SIGNS[node.operator]} {right}"
        condition = known.removesuffix(" else None") or " if True"
        result = self._set(f"{computed}{condition}{f' and {right}' if divides else ''} else None")
        self._put(f"if {result} is not None and not {self._minus_inf} < {result} < {self._inf}: {result} = None")
        return result

    def _choice(self, node: Choice) -> str:
        condition, result = self._value(node.condition), self._new()
        self._put(f"{result} = None")
        for test, branch in ((f"if {condition}:", node.then), (f"elif {condition} is False:", node.otherwise)):
            self._put(test)
            self._indent += 1
            self._put(f"{result} = {self._value(branch)}")
            self._indent -= 1
        return result

    def _fallback(self, node: Fallback) -> str:
        result = self._set(self._value(node.value))
        self._put(f"if {result} is None:")
        self._indent += 1
        self._put(f"{result} = {self._value(node.otherwise)}")
        self._indent -= 1
        return result

    def _membership(self, node: Membership) -> str:
        item = self._value(node.item)
        if isinstance(node.container, LiteralSet):
            container = self.names.add(frozenset(node.container.values))
            return self._set(f"{item} in {container}{self._known((node.item, item))}")
        container = self._value(node.container)
        return self._set(f"{item} in {container}{self._known((node.item, item), (node.container, container))}")

    def _logic(self, node: Logic) -> str:
        # The value so far is left as soon as it decides; until then it is the neutral one or unknown.
        decides = "False" if node.every else "True"
        result = self._set(self._value(node.operands[0]))
        for operand in node.operands[1:]:
            self._put(f"if {result} is not {decides}:")
            self._indent += 1
            value = self._value(operand)
            self._put(f"if {value} is {decides} or {value} is None: {result} = {value}")
            self._indent -= 1
        return result

    def _known(self, *operands: tuple[Node, str]) -> str:
        tests = [f"{name} is not None" for node, name in operands if not isinstance(node, Literal)]
        return f" if {' and '.join(dict.fromkeys(tests))} else None" if tests else ""

    def _set(self, expression: str) -> str:
        name = self._new()
        self._put(f"{name} = {expression}")
        return name

    def _new(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _put(self, line: str) -> None:
        self.lines.append("    " * self._indent + line)

    @property
    def _inf(self) -> str:
        return self.names.once(inf)

    @property
    def _minus_inf(self) -> str:
        return self.names.once(-inf)


def _loaded(node: Node) -> list[FactValue]:
    return list({found.name: found for found in walk(node) if isinstance(found, FactValue)}.values())


def _exactly(number: float) -> Decimal:
    return Decimal(number)
