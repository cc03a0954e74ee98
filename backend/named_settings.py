"""Settings of the environment and of `.env`: those that are named there, and no other is looked for.

pydantic-settings looks for every field, and works out each time anew what kind of a type it has: that takes
longer than all else that a start does with settings.
"""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource


class NamedSource(PydanticBaseSettingsSource):
    """What the other source gives, by the names of settings; what is no setting's is left out."""

    def __init__(self, source: EnvSettingsSource) -> None:
        super().__init__(source.settings_cls)
        self._source = source

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """As the other source has it."""
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        """Setting -> its value, for those that are given."""
        fields, given = self.settings_cls.model_fields, self._source.env_vars
        values = {name: self._value(fields[name], name) for name in given.keys() & fields.keys()}
        return {name: value for name, value in values.items() if value is not None}

    def _value(self, field: FieldInfo, name: str) -> Any:
        value, _, is_complex = self.get_field_value(field, name)
        return self._source.prepare_field_value(name, field, value, is_complex)
