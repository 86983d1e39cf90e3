"""The MXAccess methods that write, and those that say on whose behalf."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender, set_handles, set_server_handle
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.redaction import Secret, hide
from mxgateway.values import SparseArray
from mxgateway.values.encoding import fill_mx_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mxgateway.status import MxDataType
    from mxgateway.values import MxScalar, MxValueInput

__all__ = ["WriteCommands"]


class WriteCommands(CommandSender):
    """Writes and users. Every method raises what `Session` says of commands.

    A write that returns was accepted, no more: its outcome is the later WriteComplete event of the item. The item must
    be advised. A write that raises a timeout or a transport error may have happened; nothing here repeats it.
    """

    async def write(
        self,
        server_handle: int,
        item_handle: int,
        value: MxValueInput,
        user_id: int = 0,
        *,
        data_type: MxDataType | None = None,
        timeout: float | None = None,
    ) -> None:
        """Write a value to an advised item (`Write`); the outcome comes as a WriteComplete event.

        `user_id` counts only under `advise_supervisory`. A sequence replaces the whole array. `data_type` forces a
        type, see `to_mx_value`, whose TypeError and ValueError come before anything is sent.
        """
        request = self._request(pb.MX_COMMAND_KIND_WRITE)
        payload = request.command.write
        set_handles(payload, server_handle, item_handle)
        fill_mx_value(payload.value, value, data_type)
        payload.user_id = user_id
        await self._send(request, timeout)

    async def write2(
        self,
        server_handle: int,
        item_handle: int,
        value: MxValueInput,
        timestamp: datetime,
        user_id: int = 0,
        *,
        data_type: MxDataType | None = None,
        timeout: float | None = None,
    ) -> None:
        """Write a value with its time, an aware datetime (`Write2`); the outcome comes as a WriteComplete event."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE2)
        payload = request.command.write2
        set_handles(payload, server_handle, item_handle)
        fill_mx_value(payload.value, value, data_type)
        fill_mx_value(payload.timestamp_value, timestamp)
        payload.user_id = user_id
        await self._send(request, timeout)

    async def write_secured(
        self,
        server_handle: int,
        item_handle: int,
        current_user_id: int,
        verifier_user_id: int,
        value: MxValueInput,
        *,
        data_type: MxDataType | None = None,
        timeout: float | None = None,
    ) -> None:
        """Write to an attribute with secured or verified write security (`WriteSecured`).

        The ids come from `authenticate_user` or `archestra_user_to_id`. A secured write needs the first; a verified
        write needs a second person as verifier, otherwise 0. The outcome comes as a WriteComplete event.
        """
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED)
        payload = request.command.write_secured
        set_handles(payload, server_handle, item_handle)
        payload.current_user_id = current_user_id
        payload.verifier_user_id = verifier_user_id
        fill_mx_value(payload.value, value, data_type)
        await self._send(request, timeout)

    async def write_secured2(
        self,
        server_handle: int,
        item_handle: int,
        current_user_id: int,
        verifier_user_id: int,
        value: MxValueInput,
        timestamp: datetime,
        *,
        data_type: MxDataType | None = None,
        timeout: float | None = None,
    ) -> None:
        """Write with security and with the value's time, an aware datetime (`WriteSecured2`)."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED2)
        payload = request.command.write_secured2
        set_handles(payload, server_handle, item_handle)
        payload.current_user_id = current_user_id
        payload.verifier_user_id = verifier_user_id
        fill_mx_value(payload.value, value, data_type)
        fill_mx_value(payload.timestamp_value, timestamp)
        await self._send(request, timeout)

    async def write_array_elements(
        self,
        server_handle: int,
        item_handle: int,
        element_data_type: MxDataType,
        total_length: int,
        elements: Mapping[int, MxScalar | None],
        user_id: int = 0,
        *,
        timeout: float | None = None,
    ) -> None:
        """Write an array of which only some elements are named, by index from 0 (`Write` with a sparse array).

        It still replaces the whole array: what is not named becomes false, 0, an empty text or the epoch. The outcome
        comes as a WriteComplete event.

        Raises:
            ValueError: an index lies outside `total_length`, or an element doesn't fit `element_data_type`.
        """
        array = SparseArray(element_data_type=element_data_type, total_length=total_length, elements=elements)
        await self.write(server_handle, item_handle, array, user_id, timeout=timeout)

    async def authenticate_user(
        self, server_handle: int, verify_user: str, verify_user_password: str, *, timeout: float | None = None
    ) -> int:
        """Check a user's password (`AuthenticateUser`) and give the user's id for secured writes.

        The password is in no error and no log of this library. Over plaintext everybody on the way can read it.

        Raises:
            ValueError: the password is no text that can be sent.
        """
        password = _password(verify_user_password)
        # It must not be seen in a traceback that shows local variables.
        del verify_user_password
        if password is None:
            raise MxGatewayConfigurationError("verify_user_password is not a text of Unicode characters")
        request = self._request(pb.MX_COMMAND_KIND_AUTHENTICATE_USER)
        payload = request.command.authenticate_user
        set_server_handle(payload, server_handle)
        payload.verify_user = verify_user
        try:
            payload.verify_user_password = password.reveal()
            reply = await self._send(request, timeout)
        finally:
            payload.verify_user_password = ""
        if not reply.HasField("authenticate_user"):
            raise self._missing(request, reply, "authenticate_user")
        return reply.authenticate_user.user_id

    async def archestra_user_to_id(self, server_handle: int, user_id_guid: str, *, timeout: float | None = None) -> int:
        """Give the user id that belongs to an ArchestrA user's GUID (`ArchestrAUserToId`)."""
        request = self._request(pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID)
        payload = request.command.archestra_user_to_id
        set_server_handle(payload, server_handle)
        payload.user_id_guid = user_id_guid
        reply = await self._send(request, timeout)
        if not reply.HasField("archestra_user_to_id"):
            raise self._missing(request, reply, "archestra_user_to_id")
        return reply.archestra_user_to_id.user_id


def _password(text: object) -> Secret | None:
    """Give a password that no error shows for as long as it is held; None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return hide(Secret.password(text))
