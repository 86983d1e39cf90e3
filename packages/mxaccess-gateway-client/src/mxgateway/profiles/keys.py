"""ApiKeySource: where the API key of a profile is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mxgateway.auth import ApiKey
from mxgateway.profiles.system_keyring import stored_key

__all__ = ["ApiKeySource"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeySource:
    """Where an API key is. Creating the object reads nothing.

    Attributes:
        kind: an environment variable, a text file, or the keyring of the operating system.
        name: the name of the variable, the path of the file, or the name of the profile that the keyring has a key for.
    """

    kind: Literal["environment", "file", "keyring"]
    name: str

    def __str__(self) -> str:
        match self.kind:
            case "environment":
                return f"the environment variable {self.name}"
            case "file":
                return f"the file {self.name}"
            case "keyring":
                return "the system's keyring"

    def read(self) -> ApiKey:
        """Return the key.

        Raises:
            ValueError: there is no key, or it is invalid. The message never holds the key. For the keyring it is an
                MxGatewayConfigurationError.
        """
        match self.kind:
            case "environment":
                return self._from_environment()
            case "file":
                return self._from_file()
            case "keyring":
                return stored_key(self.name)

    def _from_environment(self) -> ApiKey:
        if not os.environ.get(self.name, "").strip():
            state = "is empty" if self.name in os.environ else "is not set"
            raise ValueError(f"the environment variable {self.name} {state}")
        try:
            return ApiKey(os.environ[self.name])
        except ValueError as error:
            problem = str(error)
        raise ValueError(f"the environment variable {self.name} has no valid key: {problem}")

    def _from_file(self) -> ApiKey:
        try:
            return ApiKey.from_file(Path(self.name))
        except OSError as error:
            problem = f"the file {self.name} cannot be read: {(error.strerror or type(error).__name__).lower()}"
        except ValueError as error:
            problem = f"the file {self.name} has no valid key: {error}"
        raise ValueError(problem)
