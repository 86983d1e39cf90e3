"""Profiles: gateways that are kept under a name in the user's configuration folder."""

from mxgateway.profiles.file import ProfileFile, configuration_folder, select_profile
from mxgateway.profiles.keys import ApiKeySource
from mxgateway.profiles.profile import Profile
from mxgateway.profiles.system_keyring import delete_key, store_key

__all__ = [
    "ApiKeySource",
    "Profile",
    "ProfileFile",
    "configuration_folder",
    "delete_key",
    "select_profile",
    "store_key",
]
