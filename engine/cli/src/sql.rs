//! `headwater sql`: a question to the server that runs on the data folder, or to its tables when none does.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use headwater_proto::v1::query_service_client::QueryServiceClient;
use headwater_proto::v1::{Format, QueryRequest};
use headwater_serve::{QueryService, ServiceSettings, ViewRegistry, history_of};
use tonic::transport::{Channel, Endpoint};

use crate::args::SqlArgs;
use crate::check::{Rejected, plan};
use crate::output::print_rows;
use crate::server_file::ServerFile;
use crate::settings::queries_folder;

/// How long a server may take to be reached.
const CONNECT_MAX: Duration = Duration::from_secs(3);

type Answer = (SchemaRef, Vec<RecordBatch>);

pub(crate) async fn sql(args: SqlArgs) -> anyhow::Result<ExitCode> {
    let data_dir = args.data_dir.clone().unwrap_or_else(|| "data".into());
    let (schema, batches) = match &args.server {
        Some(url) => {
            let channel = connect(url).await.with_context(|| format!("could not reach the server at {url}"))?;
            ask(channel, &args.sql).await?
        }
        None => match running_server(&data_dir).await {
            Some(channel) => ask(channel, &args.sql).await?,
            None => ask_history(&args, &data_dir).await?,
        },
    };
    print_rows(schema, &batches, args.format)?;
    Ok(ExitCode::SUCCESS)
}

async fn connect(url: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).context("write http://host:port")?;
    Ok(endpoint.connect_timeout(CONNECT_MAX).connect().await?)
}

/// The server of the data folder, if one answers where the folder says.
async fn running_server(data_dir: &Path) -> Option<Channel> {
    let file = ServerFile::read(data_dir)?;
    connect(&format!("http://{}", file.grpc)).await.ok()
}

async fn ask(channel: Channel, sql: &str) -> anyhow::Result<Answer> {
    let mut client = QueryServiceClient::new(channel).max_decoding_message_size(usize::MAX);
    let request = QueryRequest { sql: sql.to_owned(), format: Format::Arrow.into() };
    let answered = client.query(request).await;
    let mut parts = answered.map_err(|status| anyhow::anyhow!("{}", status.message()))?.into_inner();
    let (mut schema, mut batches) = (None, Vec::new());
    while let Some(part) = parts.message().await.map_err(|status| anyhow::anyhow!("{}", status.message()))? {
        let reader = StreamReader::try_new(part.arrow_ipc.as_slice(), None).context("could not read the answer")?;
        schema.get_or_insert_with(|| reader.schema());
        for batch in reader {
            batches.push(batch.context("could not read the answer")?);
        }
    }
    let Some(schema) = schema else { bail!("the server gave no answer") };
    Ok((schema, batches))
}

/// Without a server: what it has written.
async fn ask_history(args: &SqlArgs, data_dir: &Path) -> anyhow::Result<Answer> {
    if !data_dir.is_dir() {
        bail!("there is no data folder {}: name one with --data-dir, or a server with --server", data_dir.display());
    }
    let service = Arc::new(QueryService::new(ServiceSettings::default(), ViewRegistry::new())?);
    let folder = queries_folder(args.queries.clone(), data_dir)?;
    let connectors = crate::check::connectors(Some(String::from("localhost:9092")));
    let entries = std::fs::read_dir(&folder).with_context(|| format!("could not read folder {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("could not read folder {}", folder.display()))?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        match plan(&path, connectors.as_ref(), 1)? {
            Ok(script) => {
                for (name, table) in history_of(&script, data_dir) {
                    service.catalog().add_history(&name, table);
                }
            }
            Err(Rejected(message)) => eprintln!("its tables are left out:\n{message}\n"),
        }
    }
    eprintln!("no server runs on {}: asking its tables, without live views", data_dir.display());
    let rows = service.query(&args.sql).await?;
    let schema = rows.schema();
    Ok((schema, rows.try_collect().await?))
}
