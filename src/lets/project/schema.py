"""The JSON schema of params files, generated from the types; editors check with it."""

import json

from lets.project.params import ParamsFile


def schema_text() -> str:
    """Return the schema as it stands in `lets.config.paths.SCHEMA`."""
    schema = ParamsFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
