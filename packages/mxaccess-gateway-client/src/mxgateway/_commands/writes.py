"""Commands that write to items, and commands for the users of secured writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender, set_handles
from mxgateway._support.security import refused_for_security
from mxgateway.errors import MxAccessError, MxGatewayConfigurationError
from mxgateway.redaction import Secret, hide
from mxgateway.values import SparseArray
from mxgateway.values.encoding import fill_mx_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mxgateway.status import MxDataType
    from mxgateway.values import MxScalar, MxValueInput

__all__ = ["WriteCommands"]

_SECURITY_HINT: Final = (
    "advise the item with advise_supervisory, or use write_secured if the attribute accepts only secured writes"
)


class WriteCommands(CommandSender):
    """Commands for writes and users. Every method raises the errors that `Session` lists.

    A write returns as soon as MXAccess has accepted it. Its outcome arrives later as a WriteComplete event of the item,
    which must be advised. A write that raises a timeout or transport error may have taken effect; the client never
    repeats a write.
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
        """Write a value to an advised item (`Write`). The outcome arrives as a WriteComplete event.

        `data_type` forces a type, see `to_mx_value`. `user_id` is used only if the item was advised with
        `advise_supervisory`. Attributes with security may refuse every other write than one under such an advise.

        Warning: an array is sent as it is given (`TagClient.write` checks it), and replaces the whole array. On a real
        plant, a write to an array whose item was added without `[]` is accepted and changes nothing, and a value with
        fewer elements than a fixed-size array blocks the worker of the session until it is killed.

        Raises:
            TypeError: the value has an unsupported type, see `to_mx_value`. Raised before anything is sent.
            ValueError: the value does not fit, see `to_mx_value`. Raised before anything is sent.
        """
        request = self._request(pb.MX_COMMAND_KIND_WRITE)
        payload = request.command.write
        set_handles(payload, server_handle=server_handle, item_handle=item_handle)
        fill_mx_value(payload.value, value, data_type)
        payload.user_id = user_id
        await self._send_plain_write(request, timeout)

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
        """Write a value with its timestamp, an aware datetime (`Write2`), else like `write`: see its warning."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE2)
        payload = request.command.write2
        set_handles(payload, server_handle=server_handle, item_handle=item_handle)
        fill_mx_value(payload.value, value, data_type)
        fill_mx_value(payload.timestamp_value, timestamp)
        payload.user_id = user_id
        await self._send_plain_write(request, timeout)

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

        `authenticate_user` and `archestra_user_to_id` return the user ids. A verified write needs a second user as
        verifier; for a secured write `verifier_user_id` is 0. The outcome arrives as a WriteComplete event. An
        array is sent as it is given: see the warning of `write`.
        """
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED)
        payload = request.command.write_secured
        set_handles(payload, server_handle=server_handle, item_handle=item_handle)
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
        """Write like `write_secured`, with the timestamp of the value, an aware datetime (`WriteSecured2`)."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED2)
        payload = request.command.write_secured2
        set_handles(payload, server_handle=server_handle, item_handle=item_handle)
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
        """Write an array of which only some elements are given (`Write` with a sparse array).

        `elements` maps indices, starting at 0, to values. The write replaces the whole array: the other elements become
        false, 0, an empty string or the epoch. `total_length` must be the array's true length: a smaller one blocks the
        worker, see `write`. The outcome arrives as a WriteComplete event.

        Raises:
            TypeError: an element has an unsupported type.
            ValueError: an index is outside `total_length`, or an element does not fit `element_data_type`.
        """
        array = SparseArray(element_data_type=element_data_type, total_length=total_length, elements=elements)
        await self.write(server_handle, item_handle, array, user_id, timeout=timeout)

    async def _send_plain_write(self, request: pb.MxCommandRequest, timeout: float | None) -> None:
        """Send a Write or Write2. If it is refused for security, raise an error whose hint says what may allow it."""
        try:
            await self._send(request, timeout)
        except MxAccessError as error:
            if refused_for_security(error):
                raise error.with_hint(_SECURITY_HINT) from None
            raise

    async def authenticate_user(
        self, server_handle: int, verify_user: str, verify_user_password: str, *, timeout: float | None = None
    ) -> int:
        """Check a user's password (`AuthenticateUser`), and return the user id for secured writes.

        Errors and logs of this library never contain the password. A plaintext connection transmits it unencrypted.

        Raises:
            MxGatewayConfigurationError: the password is not a str, or cannot be encoded as UTF-8.
        """
        password = _password(verify_user_password)
        # A traceback with local variables must not show it.
        del verify_user_password
        if password is None:
            raise MxGatewayConfigurationError(
                "invalid verify_user_password: it must be a str that can be encoded as UTF-8"
            )
        request = self._request(pb.MX_COMMAND_KIND_AUTHENTICATE_USER)
        payload = request.command.authenticate_user
        set_handles(payload, server_handle=server_handle)
        payload.verify_user = verify_user
        try:
            payload.verify_user_password = password.reveal()
            reply = await self._send(request, timeout)
        finally:
            payload.verify_user_password = ""
        if not reply.HasField("authenticate_user"):
            raise self._missing_payload(request, reply, "authenticate_user")
        return reply.authenticate_user.user_id

    async def archestra_user_to_id(self, server_handle: int, user_id_guid: str, *, timeout: float | None = None) -> int:
        """Return the user id for the GUID of an ArchestrA user (`ArchestrAUserToId`)."""
        request = self._request(pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID)
        payload = request.command.archestra_user_to_id
        set_handles(payload, server_handle=server_handle)
        payload.user_id_guid = user_id_guid
        reply = await self._send(request, timeout)
        if not reply.HasField("archestra_user_to_id"):
            raise self._missing_payload(request, reply, "archestra_user_to_id")
        return reply.archestra_user_to_id.user_id


def _password(text: object) -> Secret | None:
    """Return a password as a secret that errors redact while it exists, or None if it is invalid."""
    if not isinstance(text, str):
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return hide(Secret.password(text))
