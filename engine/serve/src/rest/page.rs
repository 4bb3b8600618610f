//! The live page: static files in the binary, nothing from elsewhere.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::reply::Failure;

/// The page may load nothing from another host; the chart library sets styles on its elements.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

pub(super) async fn index() -> Response {
    respond(HTML, include_str!("../../page/index.html"))
}

pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Failure> {
    let (content_type, text) = match name.as_str() {
        "page.css" => (CSS, include_str!("../../page/page.css")),
        "page.js" => (JAVASCRIPT, include_str!("../../page/page.js")),
        "chart.js" => (JAVASCRIPT, include_str!("../../page/chart.js")),
        "icon.svg" => (SVG, include_str!("../../page/icon.svg")),
        "uPlot.min.css" => (CSS, include_str!("../../page/vendor/uPlot.min.css")),
        "uPlot.iife.min.js" => (JAVASCRIPT, include_str!("../../page/vendor/uPlot.iife.min.js")),
        _ => return Err(Failure::new(StatusCode::NOT_FOUND, "the page has no such file")),
    };
    Ok(respond(content_type, text))
}

fn respond(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
