"""What processes of the program load and read when they start, done once for all forks of this one."""

import gc
import importlib
import pkgutil

import backend.commands
from backend.catalogue.models import load_seed
from backend.media.storage.s3_client import Bucket, make_client
from tests.e2e import decoders

#: What the dashboard loads when it serves, and its kit.
SERVES = (
    "authlib.integrations.requests_client",
    "backend.web.door.set_up",
    "backend.web.live.routes",
    "backend.web.wall.routes",
    "logging.config",
    "starlette.applications",
    "starlette.middleware.sessions",
    "streamlit.components.v2.manifest_scanner",
    "streamlit.web.server.starlette.starlette_agent_routes",
    "uvicorn.main",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
)
for name in SERVES:
    importlib.import_module(name)
for command in pkgutil.iter_modules(backend.commands.__path__, f"{backend.commands.__name__}."):
    importlib.import_module(command.name)
load_seed()
decoders.prepare()
make_client(Bucket("nobody's"))  # the library's description of S3 is a megabyte of JSON
gc.enable()
gc.freeze()  # no fork goes through what is here again and again, and so has it copied
