//! The connector `materialized_view`, put before the connectors that the planner otherwise asks.
//!
//! Options: `retention` (an interval of event time, one hour when unsaid), `max_rows` (1,000,000 when unsaid) and
//! `eager` (false when unsaid: rows are seen when the watermark has passed them).

use std::sync::Arc;

use headwater_core::StreamSchema;
use headwater_core::lookup::LookupFactoryRef;
use headwater_core::sink::SinkFactoryRef;
use headwater_plan::{ConnectorTable, Connectors, SinkSpec, TableDeclaration, TableError};

use super::sink::ViewSinkFactory;
use super::{ViewRegistry, ViewSettings};

/// The name by which the planner asks for a view.
pub const MATERIALIZED_VIEW: &str = "materialized_view";

/// Connectors with materialized views among them.
#[derive(Debug)]
pub struct ViewConnectors {
    /// Makes every other table.
    pub inner: Arc<dyn Connectors>,
    /// Where the views are kept.
    pub views: ViewRegistry,
}

impl Connectors for ViewConnectors {
    fn names(&self) -> Vec<String> {
        self.inner.names()
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        if declaration.connector != MATERIALIZED_VIEW {
            return self.inner.table(declaration);
        }
        let settings = settings(&declaration)?;
        let spec = ViewSpec { name: declaration.name, settings, views: self.views.clone() };
        Ok(ConnectorTable {
            columns: None,
            event_time: None,
            idle_after: None,
            source: None,
            sink: Some(Arc::new(spec)),
        })
    }

    fn lookup(&self, declaration: TableDeclaration) -> Result<LookupFactoryRef, TableError> {
        self.inner.lookup(declaration)
    }
}

fn settings(declaration: &TableDeclaration) -> Result<ViewSettings, TableError> {
    let options = &declaration.options;
    let unsaid = ViewSettings::default();
    let settings = ViewSettings {
        retention: options.interval("retention")?.unwrap_or(unsaid.retention),
        rows_max: options.number("max_rows")?.unwrap_or(unsaid.rows_max),
        eager: options.boolean("eager")?.unwrap_or(unsaid.eager),
    };
    if settings.rows_max == 0 {
        return Err(TableError::new("option 'max_rows' must be at least 1").with_option("max_rows"));
    }
    options.finish()?;
    Ok(settings)
}

#[derive(Debug)]
struct ViewSpec {
    name: String,
    settings: ViewSettings,
    views: ViewRegistry,
}

impl SinkSpec for ViewSpec {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        Ok(Arc::new(ViewSinkFactory { view: self.views.register(&self.name, schema, self.settings) }))
    }
}
