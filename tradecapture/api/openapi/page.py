"""The OpenAPI page: Swagger UI, served from an installed package. It works offline."""

from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.static_files import create_static_files_router
from openapi_ui_bundles import swagger_ui

from tradecapture.version import VERSION

PATH = "/schema"
ASSETS = f"{PATH}/assets"


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of the document (/schema/openapi.json) and of the page (/schema)."""
    # By default Litestar's plugins load their scripts from a CDN.
    page = SwaggerRenderPlugin(
        js_url=f"{ASSETS}/swagger-ui-bundle.js",
        css_url=f"{ASSETS}/swagger-ui.css",
        standalone_preset_js_url=f"{ASSETS}/swagger-ui-standalone-preset.js",
        favicon=f"<link rel='icon' href='{ASSETS}/favicon-32x32.png'>",
        path="/",
    )
    return OpenAPIConfig(
        title="tradecapture",
        version=VERSION,
        description="Captures trades, in order and exactly once, into a ledger.",
        use_handler_docstrings=True,
        path=PATH,
        render_plugins=[page],
    )


def assets() -> Router:
    """Return the router that serves the page's scripts and styles."""
    return create_static_files_router(ASSETS, [swagger_ui.static_path])
