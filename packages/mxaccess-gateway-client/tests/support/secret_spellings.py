"""A key and a password for the tests, and the ways in which a gateway may write a secret."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable

SECRET = "Zq7-vX9_kW4-hJ2_tR8-mN6_pL5-bD3_"
API_KEY = f"mxgw_0a1b2c3d_{SECRET}"
PASSWORD = "wY5_uE8-gC2_xS7-fB4"

WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a sentence": lambda secret: f"there is no '{secret}'.",
    "in a header": lambda secret: f"authorization: Bearer {secret}",
    "the secret part": lambda secret: secret.removeprefix("mxgw_0a1b2c3d_"),
    "its last characters": lambda secret: f"a key that ends in {secret[-9:]}",
    "its first characters": lambda secret: f"unknown {secret[:24]}...",
    "in capitals": lambda secret: secret.upper(),
    "for a URL": lambda secret: f"/look?key={urllib.parse.quote(secret).replace('_', '%5F').replace('-', '%2d')}&x=1",
    "for a URL twice": lambda secret: "".join(f"%25{byte:02X}" for byte in secret.encode()),
    "in JSON": lambda secret: json.dumps({"key": secret}),
    "in JSON in JSON": lambda secret: json.dumps(json.dumps({"key": f'"{secret}"'})),
    "as \\u escapes": lambda secret: "".join(f"\\u{ord(character):04x}" for character in secret),
    "as \\x escapes": lambda secret: "".join(f"\\x{byte:02x}" for byte in secret.encode()),
    "in octal": lambda secret: "".join(f"\\{byte:03o}" for byte in secret.encode()),
    "for HTML": lambda secret: "".join(f"&#{ord(character)};" for character in secret),
    "in hexadecimal": lambda secret: secret.encode().hex(),
    "as .NET shows bytes": lambda secret: secret.encode().hex("-").upper(),
    "in base64": lambda secret: base64.b64encode(f"x{secret}".encode()).decode(),
    "in base64 for a URL": lambda secret: base64.urlsafe_b64encode(f"{secret}??".encode()).decode(),
}
