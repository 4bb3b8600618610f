//! gRPC: `headwater.v1.QueryService` over the [`QueryService`], with reflection and health.
//!
//! The only place of the engine that knows the generated types.
//!
//! | file | what |
//! |---|---|
//! | `rows` | batches as messages of a bounded size |
//! | `query`, `subscribe` | the streaming methods |
//! | `queries`, `devices` | the unary ones |

mod devices;
mod queries;
mod query;
mod rows;
mod subscribe;

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use headwater_proto::v1;
use headwater_proto::v1::query_service_server::{QueryService as GrpcService, QueryServiceServer};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::error::{QueryError, ServeError, chain};
use crate::service::QueryService;

type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Serves until `shutdown`, then ends every stream and returns.
///
/// # Errors
/// [`ServeError::Server`] when reflection cannot be set up or the transport fails.
pub async fn serve(
    listener: TcpListener,
    service: Arc<QueryService>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Server { service: "gRPC", source };
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<QueryServiceServer<Adapter>>().await;
    let adapter = Adapter { service, shutdown: shutdown.clone() };
    tonic::transport::Server::builder()
        .add_service(QueryServiceServer::new(adapter))
        .add_service(health_service)
        .add_service(reflection().build_v1().map_err(|error| failed(error.into()))?)
        // Older grpcurl speaks only v1alpha.
        .add_service(reflection().build_v1alpha().map_err(|error| failed(error.into()))?)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.cancelled_owned())
        .await
        .map_err(|error| failed(error.into()))
}

/// Translates between the generated types and the service.
struct Adapter {
    service: Arc<QueryService>,
    /// Ends streams that would not end by themselves.
    shutdown: CancellationToken,
}

#[tonic::async_trait]
impl GrpcService for Adapter {
    type QueryStream = Answers<v1::QueryResponse>;
    type SubscribeStream = Answers<v1::SubscribeResponse>;

    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<Self::QueryStream>, Status> {
        let request = request.into_inner();
        let rows = self.service.query(&request.sql).await.map_err(|error| status(&error))?;
        Ok(Response::new(self.until_shutdown(query::answers(rows, request.format()))))
    }

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let request = request.into_inner();
        let subscription = self.service.subscribe(&request.view).map_err(|error| status(&error))?;
        Ok(Response::new(self.until_shutdown(subscribe::answers(subscription, request.format()))))
    }

    async fn list_queries(
        &self,
        _request: Request<v1::ListQueriesRequest>,
    ) -> Result<Response<v1::ListQueriesResponse>, Status> {
        let queries = self.service.job_reports().iter().map(queries::summary).collect();
        Ok(Response::new(v1::ListQueriesResponse { queries }))
    }

    async fn get_query(&self, request: Request<v1::GetQueryRequest>) -> Result<Response<v1::GetQueryResponse>, Status> {
        let report = self.service.job_report(&request.get_ref().name).map_err(|error| status(&error))?;
        Ok(Response::new(queries::details(&report)))
    }

    async fn list_devices(
        &self,
        _request: Request<v1::ListDevicesRequest>,
    ) -> Result<Response<v1::ListDevicesResponse>, Status> {
        let devices = self.service.devices().await.map_err(|error| status(&error))?;
        Ok(Response::new(v1::ListDevicesResponse { devices: devices.into_iter().map(devices::device).collect() }))
    }
}

impl Adapter {
    /// The stream, ended by a status that says why when the server goes away: an end without one would look complete.
    fn until_shutdown<T: Send + 'static>(&self, answers: Answers<T>) -> Answers<T> {
        let shutdown = self.shutdown.clone();
        Box::pin(stream::unfold(Some(answers), move |answers| {
            let shutdown = shutdown.clone();
            async move {
                let mut answers = answers?;
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => Some((Err(Status::unavailable("the server is shutting down")), None)),
                    answer = answers.next() => {
                        let answer = answer?;
                        let rest = answer.is_ok().then_some(answers);
                        Some((answer, rest))
                    }
                }
            }
        }))
    }
}

/// An error as a status: its causes in the message, then the hint.
fn status(error: &QueryError) -> Status {
    let mut message = chain(error);
    if let Some(hint) = error.hint() {
        message.push_str("; ");
        message.push_str(&hint);
    }
    match error {
        QueryError::NoView { .. } | QueryError::NoQuery { .. } => Status::not_found(message),
        error if error.is_askers_mistake() => Status::invalid_argument(message),
        QueryError::Run { .. } => Status::aborted(message),
        _ => Status::internal(message),
    }
}
