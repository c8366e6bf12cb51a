"""Chat templates through jinja2, set up as transformers does, and through Specula's own renderer.

    cmake --build build/release --target chat_render
    python tests/parity/chat_live.py build/release/chat_render [--random 4000]

Prints a table template x equal; exit status 1 where any differs.  With --plant each text of ours is spoilt by a blank,
and every row must then differ.  Needs jinja2.  Licence: Apache-2.0.
"""
import argparse
import itertools
import json
import pathlib
import random
import subprocess
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATES = HERE.parent / "unit" / "fixtures" / "chat"


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])

    def refuse(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = refuse
    return env


def reference(env, template, messages, add):
    try:
        return "ok", env.from_string(template).render(messages=messages, tools=None, documents=None,
                                                      add_generation_prompt=add, bos_token="<s>", eos_token="</s>")
    except Exception as error:  # whatever goes wrong in Python must go wrong in ours
        return "error", str(error)


def ours(program, requests):
    def net(text):
        raw = text.encode()
        return b"%d:%s," % (len(raw), raw)

    data = b""
    for template, messages, add in requests:
        fields = [template, "1" if add else "0", "<s>", "</s>", str(len(messages))]
        fields += itertools.chain.from_iterable((m["role"], m["content"]) for m in messages)
        data += b"".join(map(net, fields))
    out = subprocess.run([program], input=data, stdout=subprocess.PIPE, check=True).stdout
    fields, at = [], 0
    while at < len(out):
        colon = out.index(b":", at)
        size = int(out[at:colon])
        fields.append(out[colon + 1:colon + 1 + size].decode())
        at = colon + size + 2
    return list(zip(fields[::2], fields[1::2]))


CONTENTS = ["Hi", "", "  blanks \n", "Gr\u00fc\u00dfe \u4f60\u597d \U0001F600", "{{ 1 }}{% if x %}{# c #}", "<|im_end|></s>[/INST]",
            "a\n\nb", "<think>\nso\n</think>\n\nit is", "\u00a0nbsp\u3000", "it's \"quoted\" \\n"]


def conversations():
    for content in CONTENTS:
        user, answer = {"role": "user", "content": content}, {"role": "assistant", "content": content}
        system = {"role": "system", "content": content}
        for talk in ([user], [system, user], [user, answer, user], [system, user, answer, user, answer],
                     [answer, user], []):
            yield talk


class Grammar:
    """Random templates: statements of random expressions over the messages."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def value(self, depth):
        simple = ["messages", "messages[0]", "messages[-1].content", "m.role", "m['content']", "x", "ns.n", "1", "0", "-3",
                  "2.5", "'a b'", "' \\n'", "''", "true", "none", "[]", "[1, 'b']", "{'k': 1}", "bos_token", "loop.index0",
                  "loop.last", "tools", "unknown", "(1, 2)", "messages[1:]"]
        if depth <= 0:
            return self.pick(*simple)
        sub = lambda: self.value(depth - 1)
        kind = self.random.randrange(9)
        if kind == 0:
            return f"({sub()} {self.pick('+', '-', '*', '/', '//', '%', '~', '~', '+')} {sub()})"
        if kind == 1:
            return f"({sub()} {self.pick('==', '!=', '<', '>=', 'in', 'not in')} {sub()})"
        if kind == 2:
            return f"({sub()} {self.pick('and', 'or')} {self.pick('', 'not ')}{sub()})"
        if kind == 3:
            return f"({sub()} if {sub()} else {sub()})"
        if kind == 4:
            return f"({sub()} | {self.pick('trim', 'length', 'tojson', 'string', 'list', 'first', 'last', 'upper', 'title', 'capitalize', 'int', 'join(chr)', 'default(1)', 'default(1, true)', 'replace(1, 2)', 'indent(2)', 'float', 'lower')})".replace("chr", "'-'")
        if kind == 5:
            return f"({sub()} is {self.pick('', 'not ')}{self.pick('defined', 'none', 'string', 'mapping', 'iterable', 'sequence', 'number', 'boolean', 'true', 'false', 'integer', 'float', 'odd', 'eq 1')})"
        if kind == 6:
            return f"{self.pick('messages[-1].content', 'x')}.{self.pick('strip()', 'lstrip()', 'rstrip(chr)', 'split()', 'split(chr)', 'upper()', 'title()', 'find(chr)', 'startswith(chr)', 'replace(chr, chr)', 'endswith((chr, chr))')}".replace("chr", "'a'")
        if kind == 7:
            return f"{self.pick('messages', 'x', 'bos_token')}[{self.pick('', '-1', '1', '-9', '9')}:{self.pick('', '-1', '2', '9')}{self.pick('', ':', ':-1', ':2', ':-2')}]"
        return f"{sub()}[{self.pick('0', '-1', '5', chr(39) + 'role' + chr(39))}]" if self.random.random() < .3 else self.pick(*simple)

    def block(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randrange(1, 4)))

    def statement(self, depth):
        o, c = self.pick("{%", "{%-", "{%", "{%+"), self.pick("%}", "-%}", "%}")
        v = lambda: self.value(self.random.randrange(3))
        blank = lambda: self.pick("", " ", "\n", "  \n ", "t", "\u00a0")
        kind = self.random.randrange(8) if depth > 0 else self.random.randrange(3)
        if kind == 0:
            return blank() + self.pick("{{", "{{-") + f" {v()} " + self.pick("}}", "-}}") + blank()
        if kind == 1:
            return f"{blank()}{o} set {self.pick('x', 'y', 'ns.n')} = {v()} {c}{blank()}"
        if kind == 2:
            return self.pick("{# c #}", "{#- c -#}\n", " text ", "{% raw %} {{ {% endraw %}", "\n")
        if kind == 3:
            return f"{o} if {v()} {c}{blank()}{self.block(depth - 1)}{o} elif {v()} {c}{self.block(depth - 1)}{o} else {c}{blank()}{o} endif {c}"
        if kind in (4, 5):
            tail = self.pick("", f" if {v()}")
            stop = self.pick("", "", f"{o} if {v()} {c}{o} {self.pick('break', 'continue')} {c}{o} endif {c}")
            other = self.pick("", f"{o} else {c}none")
            return f"{o} for m in {self.pick('messages', 'messages[::-1]', 'messages | reverse', v())}{tail} {c}{blank()}{stop}{self.block(depth - 1)}{other}{o} endfor {c}"
        if kind == 6:
            return f"{o} set x {c}{self.block(depth - 1)}{o} endset {c}"
        return f"{o} generation {c}{self.block(depth - 1)}{o} endgeneration {c}"

    def template(self):
        macro = "{% macro f(a, b='z') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f('q', b=2) }}"
        return "{% set ns = namespace(n=1) %}{% set x = 'xa' %}" + self.pick("", macro) + self.block(3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--random", type=int, default=0, help="templates of a grammar beside those of the fixtures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", action="store_true")
    args = parser.parse_args()
    env, wrong = environment(), 0
    chats = [(talk, add) for talk in conversations() for add in (True, False)]
    print(f"{'template':24} {'chats':>6} {'texts':>6} {'equal':>6}")
    for file in sorted(TEMPLATES.glob("*.jinja")):
        template = file.read_text()
        got = ours(args.program, [(template, talk, add) for talk, add in chats])
        equal = texts = 0
        for (talk, add), (state, text) in zip(chats, got):
            expected_state, expected = reference(env, template, talk, add)
            text += " " if args.plant else ""
            same = state == expected_state and (state == "error" or text == expected)
            texts += expected_state == "ok"
            equal += same
            if not same and not args.plant:
                print("  ", repr(talk)[:200], add, (expected_state, expected[-200:]), (state, text[-200:]), sep="\n   ")
        print(f"{file.stem:24} {len(chats):6} {texts:6} {equal:6}")
        wrong += equal != len(chats)
    grammar = Grammar(args.seed)
    talk = [{"role": "system", "content": " Be b "}, {"role": "user", "content": "a\u00e9 1"}, {"role": "assistant", "content": ""}]
    requests = [(grammar.template(), talk, True) for _ in range(args.random)]
    counts = {"equal": 0, "both refuse": 0, "only ours refuses": 0, "DIFFERENT": 0}
    for request, (state, text) in zip(requests, ours(args.program, requests)):
        expected_state, expected = reference(env, *request)
        text += " " if args.plant else ""
        if state == "error":
            what = "both refuse" if expected_state == "error" else "only ours refuses"
        else:
            what = "equal" if expected_state == "ok" and text == expected else "DIFFERENT"
        counts[what] += 1
        if not args.plant and (what == "DIFFERENT" or (what == "only ours refuses" and counts[what] <= 8)):
            print(what, repr(request[0]), (expected_state, expected[:300]), (state, text[:300]), sep="\n   ")
    if args.random:
        print("random templates:", ", ".join(f"{key} {count}" for key, count in counts.items()))
    sys.exit(1 if wrong or counts["DIFFERENT"] else 0)


if __name__ == "__main__":
    main()
