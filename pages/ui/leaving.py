"""What a page that is being left still asks of the server, and is not done any more.

Parts of a page ask by themselves to be drawn anew. Such a request can be on its way when somebody goes to
another page: Streamlit 1.67 then runs it after that other page, finds no such part, and has the browser clear
what it shows, for as long as nobody presses anything.
"""

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

#: The end of the address of the kit's own WebSocket.
STREAM = "/_stcore/stream"
#: What tells a browser that it is on another page now is smaller; what is larger is not looked into.
LARGEST_BYTES = 32 * 1024


class LeftPages:
    """Drops what a part of a page asks whose page has been left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "websocket" or not scope["path"].endswith(STREAM):
            await self._app(scope, receive, send)
            return
        tab = _Tab()

        async def hear() -> Message:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive" or not tab.is_left(message.get("bytes") or b""):
                    return message

        async def tell(message: Message) -> None:
            if message["type"] == "websocket.send":
                tab.note_answer(message.get("bytes") or b"")
            await send(message)

        await self._app(scope, hear, tell)


class _Tab:
    """Which page one tab of a browser is on, or going to. page: as the kit names it; empty: not known yet."""

    def __init__(self) -> None:
        self.page = ""

    def is_left(self, data: bytes) -> bool:
        """Does this message ask for a part of a page that is not the one that was asked for last?"""
        try:
            message = BackMsg.FromString(data)
        except DecodeError:  # none of the kit's messages: the kit itself says so
            return False
        if message.WhichOneof("type") != "rerun_script":
            return False
        asked = message.rerun_script
        if not asked.fragment_id:
            self.page = asked.page_script_hash
            return False
        return bool(self.page) and asked.page_script_hash != self.page

    def note_answer(self, data: bytes) -> None:
        """The server tells which page an address led to, and may itself lead to another one."""
        if len(data) > LARGEST_BYTES:
            return
        message = ForwardMsg.FromString(data)
        match message.WhichOneof("type"):
            case "new_session" if not message.metadata.run.fragment_ids:
                self.page = message.new_session.page_script_hash
            case "navigation":
                self.page = message.navigation.page_script_hash
