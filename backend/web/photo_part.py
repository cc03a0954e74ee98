"""The photo in a multipart body, whether it came with a file name or without.

Flask takes a part without one for a text, and its bytes are lost. Here the field's name is enough.
"""

import contextlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from backend.domain.errors import InvalidRequest
from backend.domain.text import unknown_names
from backend.services.takes import photos

#: A photo of 32 MiB and its multipart frame.
BODY_MAX_BYTES = 33 * 1024 * 1024
#: What is read of a body at a time.
CHUNK_BYTES = 256 * 1024
#: A photo up to this size is kept in memory, a larger one in a temporary file.
IN_MEMORY_BYTES = 1024 * 1024
#: More parts than any form has.
PARTS_MAX = 1000


@contextlib.contextmanager
def photo_part(name: str) -> Iterator[tuple[IO[bytes], str]]:
    """The part of this request's body with this name, and its file name ("" when it has none).

    Raises:
        InvalidRequest: there is no such part, or others beside it, or no multipart body, or it is cut.
        PayloadTooLarge: the body is larger than one photo.
    """
    request.max_content_length = BODY_MAX_BYTES
    boundary = request.mimetype_params.get("boundary", "")
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as kept:
        try:
            others: list[str] = []
            if request.mimetype != "multipart/form-data" or not boundary:
                file_name = None
            else:
                decoder = MultipartDecoder(boundary.encode(), max_parts=PARTS_MAX)
                file_name = _read(decoder, name, kept, others)
        except RequestEntityTooLarge as error:
            raise photos.too_large(request.content_length) from error
        except ValueError as error:
            raise InvalidRequest({name: "can't be read: the multipart body is cut or broken"}) from error
        faults = unknown_names((other for other in others if other != name), (name,))
        if name in others:
            faults[name] = "is given more than once"
        if file_name is None:
            faults[name] = f"is missing; send the photo as the multipart field `{name}`"
        if faults or file_name is None:
            raise InvalidRequest(faults)
        kept.seek(0)
        yield kept, file_name


def _read(decoder: MultipartDecoder, name: str, kept: IO[bytes], others: list[str]) -> str | None:
    """Write the part to `kept`; returns its file name, or None when there is no such part.

    others: is given the names of all other parts, of which nothing is kept.
    """
    found: str | None = None
    wanted = False
    while True:
        event = decoder.next_event()
        if isinstance(event, NeedData):
            decoder.receive_data(request.stream.read(CHUNK_BYTES) or None)
        elif isinstance(event, Field | File):
            wanted = found is None and event.name == name
            if wanted:
                found = event.filename if isinstance(event, File) else ""
            else:
                others.append(event.name or "")
        elif isinstance(event, Data) and wanted:
            kept.write(event.data)
        elif isinstance(event, Epilogue):
            return found
