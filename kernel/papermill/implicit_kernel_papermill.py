"""Lets papermill write parameters in TypeScript. Put this folder on PYTHONPATH, or copy it to site-packages.

Papermill has no list of translators that a package could add itself to. It loads the engines that
packages name when it starts, though: this module names papermill's own engine once more, and enters
the translator when it is loaded.
"""

import json
import math
import re

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

DECLARATION = re.compile(
    r"^(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*(?::\s*([^=]+?))?\s*=\s*(.*?);?\s*(?://\s*(.*))?$"
)


class TypeScriptTranslator(Translator):
    """JSON is TypeScript, but for numbers that JSON does not have and for what has no type."""

    @classmethod
    def translate_escaped_str(cls, str_val):
        return json.dumps(str(str_val))

    @classmethod
    def translate_none(cls, val):
        return "null as any"

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "NaN"
        return repr(val) if math.isfinite(val) else f"{'-' if val < 0 else ''}Infinity"

    @classmethod
    def translate_list(cls, val):
        return f"[{', '.join(map(cls.translate, val))}]" if val else "[] as any[]"

    @classmethod
    def translate_dict(cls, val):
        return f"{{ {', '.join(f'{json.dumps(str(k))}: {cls.translate(v)}' for k, v in val.items())} }}"

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".strip()

    @classmethod
    def assign(cls, name, str_val):
        return f"let {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        found = map(DECLARATION.match, parameters_cell["source"].splitlines())
        return [Parameter(m[1], m[2] or "None", m[3], m[4] or "") for m in found if m]


for name in ("implicit-kernel", "typescript"):
    papermill_translators.register(name, TypeScriptTranslator)

Engine = NBClientEngine
