"""What Gemini demands of declared functions and of the way they are to be called."""

import re

from .families import Family
from .models import Model
from .request import FunctionDeclaration, GenerateContentRequest, Mode
from .schema_rules import check_json_schema, check_typed_schema
from .status import NO_MIXTURE, NO_MIXTURE_ON_VERTEX, invalid

MOST_DECLARATIONS = 512
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")


def check_tools(request: GenerateContentRequest, model: Model, family: Family = Family.GEMINI) -> None:
    """
    Raises:
        Refused: for the first rule broken.
    """
    seen: set[str] = set()
    for tool_index, tool in enumerate(request.tools):
        for index, declaration in enumerate(tool.function_declarations):
            place = f"GenerateContentRequest.tools[{tool_index}].function_declarations[{index}]"
            _check_declaration(declaration, place, model)
            if declaration.name in seen:
                raise invalid(f"Duplicate function declaration found: {declaration.name}")
            seen.add(declaration.name)
    if len(seen) > MOST_DECLARATIONS:
        raise invalid(f"At most {MOST_DECLARATIONS} function declarations are supported.")
    if seen and model.makes_images:
        raise invalid(f"Function calling is not enabled for models/{model.name}")
    _check_mixture(request, model, family)
    _check_calling(request, seen)


def _check_declaration(declaration: FunctionDeclaration, place: str, model: Model) -> None:
    longest = model.longest_function_name
    if not NAME.fullmatch(declaration.name) or len(declaration.name) > longest:
        raise invalid(
            f"* {place}.name: Invalid function name. Must start with a letter or an underscore. Must be "
            "alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a "
            f"maximum length of {longest}.\n"
        )
    if declaration.parameters is not None and declaration.parameters_json_schema is not None:
        raise invalid(f"* {place}: only one of parameters and parameters_json_schema may be set\n")
    if declaration.parameters is not None:
        check_typed_schema(declaration.parameters, f"{place}.parameters", model)
    if declaration.parameters_json_schema is not None:
        check_json_schema(declaration.parameters_json_schema, f"{place}.parameters_json_schema")


def _check_mixture(request: GenerateContentRequest, model: Model, family: Family) -> None:
    """Built-in tools beside functions are for new models, and on the Gemini API only if the request says so."""
    built_in = any(tool.is_built_in for tool in request.tools)
    if not (built_in and request.declarations):
        return
    if family is Family.VERTEX and not model.signs_calls:
        raise invalid(NO_MIXTURE_ON_VERTEX)
    config = request.tool_config
    agreed = family is not Family.GEMINI or (config and config.include_server_side_tool_invocations)
    if not (model.signs_calls and agreed):
        raise invalid(NO_MIXTURE)


def _check_calling(request: GenerateContentRequest, declared: set[str]) -> None:
    config = request.tool_config.function_calling_config if request.tool_config else None
    if config is None:
        return
    if not declared:
        raise invalid("Function calling config is set without function_declarations.")
    if config.allowed_function_names and config.mode not in (Mode.ANY, Mode.VALIDATED):
        raise invalid("Please set allowed_function_names only when function calling mode is ANY.")
    unknown = [name for name in config.allowed_function_names if name not in declared]
    if unknown:
        raise invalid(f"Function {unknown[0]} in allowed_function_names is not declared.")
