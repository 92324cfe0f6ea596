"""The way in for website visits: a tracking pixel, and the HTTP API of Segment's client libraries.

It decides nothing. Each request becomes one call of leadscore.track() as a role that may do nothing else:

    CREATE ROLE leadscore_pixel LOGIN;
    GRANT USAGE ON SCHEMA leadscore TO leadscore_pixel;
    GRANT EXECUTE ON FUNCTION leadscore.track(jsonb, text) TO leadscore_pixel;

    PGUSER=leadscore_pixel LEADSCORE_WRITE_KEY=… uvicorn --app-dir examples/pixel pixel:app

Anybody may write to a website's pixel, so it says what a visitor did and never who the visitor is; that is said by
the application's own server, which knows, with the write key. Behind a proxy, start Uvicorn with --proxy-headers:
the address is compared with leadscore.track_settings.internal_addresses and then forgotten.
"""

import base64
import os
import secrets
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
FIELDS = ("event", "visitor", "customer", "job", "url", "at", "id", "consent")
WRITE_KEY = os.environ.get("LEADSCORE_WRITE_KEY", "")
# Whose website it is, where several customers share the database.
TENANT = os.environ.get("LEADSCORE_TENANT")
LARGEST_BODY = 512 * 1024


@asynccontextmanager
async def lifespan(app):
    async with AsyncConnectionPool(kwargs={"autocommit": True}, min_size=1, max_size=4) as pool:
        app.state.pool = pool
        yield


async def track(request, event):
    async with request.app.state.pool.connection() as connection:
        try:
            cursor = await connection.execute("SELECT leadscore.track(%s, %s)", [Jsonb(event), TENANT])
        except psycopg.DataError as error:
            raise HTTPException(400, str(error.diag.message_primary)) from error
        return (await cursor.fetchone())[0]


async def pixel(request):
    event = {name: request.query_params[name] for name in FIELDS if name in request.query_params}
    event["agent"] = request.headers.get("user-agent", "")
    event["ip"] = request.client.host
    await track(request, event)
    return Response(GIF, media_type="image/gif", headers={"Cache-Control": "no-store"})


async def segment(request):
    # As Segment's libraries do it: the write key is the user of basic authentication.
    expected = "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    if not WRITE_KEY or not secrets.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        raise HTTPException(401, "the write key is wrong")
    if int(request.headers.get("content-length", LARGEST_BODY + 1)) > LARGEST_BODY:
        raise HTTPException(413, f"a body has at most {LARGEST_BODY} bytes")
    try:
        event = await request.json()
    except ValueError as error:
        raise HTTPException(400, "the body is no JSON") from error
    if isinstance(event, dict) and request.path_params["call"] != "batch":
        event["type"] = request.path_params["call"]
    return JSONResponse({"success": True, **await track(request, event)})


async def script(request):
    return FileResponse(Path(__file__).with_name("orq.js"), media_type="text/javascript")


app = Starlette(
    lifespan=lifespan,
    routes=[Route("/pixel.gif", pixel), Route("/orq.js", script), Route("/v1/{call}", segment, methods=["POST"])],
)
