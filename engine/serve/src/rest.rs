//! REST: frames as JSON, health, metrics, and what the live page asks for.
//!
//! | path | what | file |
//! |---|---|---|
//! | `GET /data` | the newest frame of every camera | `data` |
//! | `POST /data` | a frame for testing, sent through Kafka | `data` |
//! | `GET /healthz`, `/readyz` | alive; every query runs | `health` |
//! | `GET /metrics` | Prometheus | `metrics` |
//! | `GET /api/status`, `/api/people` | for the page | `status`, `people` |
//! | `GET /`, `/page/…` | the live page | `page` |
//!
//! Every error is a JSON object `{"error": …, "hint": …}`.

mod data;
mod health;
mod metrics;
mod page;
mod people;
mod reply;
mod status;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::get;
use headwater_core::error::BoxError;
use headwater_proto::batch::frames::FrameRow;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::error::ServeError;
use crate::service::QueryService;
use reply::Failure;

/// A request's body may be this large; the only one that is read is a single frame.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Sends a frame where the agents send theirs, for `POST /data`.
#[async_trait]
pub trait FrameInjector: Debug + Send + Sync {
    /// Returns when the log has the frame.
    ///
    /// # Errors
    /// When it does not take it in reasonable time.
    async fn inject(&self, frame: FrameRow) -> Result<(), BoxError>;
}

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    service: Arc<QueryService>,
    injector: Arc<dyn FrameInjector>,
}

/// Serves until `shutdown`, and returns when the requests that were begun are answered.
///
/// # Errors
/// [`ServeError::Server`] when the listener fails.
pub async fn serve(
    listener: TcpListener,
    service: Arc<QueryService>,
    injector: Arc<dyn FrameInjector>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    axum::serve(listener, router(Shared { service, injector }))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .map_err(|source| ServeError::Server { service: "REST", source: source.into() })
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/data", get(data::latest).post(data::inject))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/api/status", get(status::status))
        .route("/api/people", get(people::people))
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

async fn no_such_path() -> Failure {
    let hint = "try /data, /healthz, /readyz, /metrics or the page at /";
    Failure::new(StatusCode::NOT_FOUND, "there is nothing at this path").with_hint(hint)
}

async fn wrong_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
}
