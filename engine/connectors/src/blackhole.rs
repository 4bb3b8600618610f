//! `blackhole`: takes rows and forgets them. For measuring what comes before it.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::sink::{SinkFactoryRef, Staged};
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::{ConnectorTable, SinkSpec, TableDeclaration, TableError};

use crate::columns::{Sides, declared_schema};
use crate::set::ConnectorSettings;

pub(crate) fn declare(_: &ConnectorSettings, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
    Sides::sink_only("blackhole", &declaration.options)?;
    declaration.options.finish()?;
    let columns = declared_schema(&declaration.columns);
    Ok(ConnectorTable { columns, event_time: None, idle_after: None, source: None, sink: Some(Arc::new(Blackhole)) })
}

#[derive(Debug)]
struct Blackhole;

impl SinkSpec for Blackhole {
    fn bind(&self, _: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        Ok(Arc::new(Blackhole))
    }
}

#[async_trait]
impl SinkFactory for Blackhole {
    async fn open(&self, _: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        Ok(Box::new(Blackhole))
    }

    async fn committer(&self, _: &str, _: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(None)
    }
}

#[async_trait]
impl Sink for Blackhole {
    async fn write(&mut self, _: RecordBatch) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn stage(&mut self, _: Epoch, _: bool) -> Result<Staged, ConnectorError> {
        Ok(Staged::default())
    }
}
