//! A table of files: what a sink has committed, listed anew for each query, so that a query sees every file that was
//! there when it began.
//!
//! Partition columns come from the folders (`date=2026-11-23/hour=4`). A column that is both in the folders and in the
//! files is read from the folders. A table without a file is empty.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::{LogicalPlanBuilder, UNNAMED_TABLE};
use datafusion::prelude::ident;
use datafusion::{catalog::view::ViewTable, datasource::provider_as_source};
use futures::TryStreamExt as _;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, local::LocalFileSystem};

/// How the files of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryFormat {
    /// `*.parquet`
    Parquet,
    /// `*.json`, an object a line
    Json,
}

impl HistoryFormat {
    fn extension(self) -> &'static str {
        match self {
            HistoryFormat::Parquet => ".parquet",
            HistoryFormat::Json => ".json",
        }
    }

    fn reader(self) -> Arc<dyn FileFormat> {
        match self {
            HistoryFormat::Parquet => Arc::new(ParquetFormat::default()),
            HistoryFormat::Json => Arc::new(JsonFormat::default()),
        }
    }
}

/// A folder of files with the same columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryTable {
    /// The folder.
    pub path: PathBuf,
    /// How the files are written.
    pub format: HistoryFormat,
    /// The columns as the table was declared.
    pub columns: SchemaRef,
}

impl HistoryTable {
    /// The table as its files are now.
    pub(super) async fn open(&self) -> DataFusionResult<Arc<dyn TableProvider>> {
        let Some(first) = self.first_file().await? else {
            return Ok(Arc::new(MemTable::try_new(Arc::clone(&self.columns), vec![vec![]])?));
        };
        let partitions = self.partitions(&first)?;
        let is_partition = |field: &Field| partitions.iter().any(|partition| partition.name() == field.name());
        let in_files: Vec<_> = self.columns.fields().iter().filter(|field| !is_partition(field)).cloned().collect();
        let columns = partitions.iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
        let options = ListingOptions::new(self.format.reader())
            .with_file_extension(self.format.extension())
            .with_table_partition_cols(columns);
        let config = ListingTableConfig::new(self.url()?)
            .with_listing_options(options)
            .with_schema(Arc::new(Schema::new(in_files)));
        self.in_declared_order(Arc::new(ListingTable::try_new(config)?), &partitions)
    }

    /// A listing puts partition columns last; the table has them where they were declared.
    fn in_declared_order(
        &self,
        listing: Arc<dyn TableProvider>,
        partitions: &[Field],
    ) -> DataFusionResult<Arc<dyn TableProvider>> {
        let undeclared = partitions.iter().filter(|field| self.columns.field_with_name(field.name()).is_err());
        let names = self.columns.fields().iter().map(|field| field.name()).chain(undeclared.map(Field::name));
        let plan = LogicalPlanBuilder::scan(UNNAMED_TABLE, provider_as_source(listing), None)?
            .project(names.map(ident).collect::<Vec<_>>())?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }

    fn url(&self) -> DataFusionResult<ListingTableUrl> {
        // The trailing slash says that it is a folder.
        ListingTableUrl::parse(format!("{}/", self.path.display()))
    }

    /// Any one file of the table, below its folder.
    async fn first_file(&self) -> DataFusionResult<Option<ObjectPath>> {
        if !tokio::fs::try_exists(&self.path).await? {
            return Ok(None);
        }
        let failed = |error: object_store::Error| DataFusionError::ObjectStore(Box::new(error));
        let store = LocalFileSystem::new_with_prefix(&self.path).map_err(failed)?;
        let mut files = store.list(None);
        while let Some(file) = files.try_next().await.map_err(failed)? {
            if file.location.as_ref().ends_with(self.format.extension()) {
                return Ok(Some(file.location));
            }
        }
        Ok(None)
    }

    /// The columns that the folders of a file say, with their declared types; an undeclared one is a whole number when
    /// it looks like one.
    fn partitions(&self, file: &ObjectPath) -> DataFusionResult<Vec<Field>> {
        let folders = file.as_ref().rsplit_once('/').map_or("", |(folders, _)| folders);
        let field = |(name, value): (&str, &str)| match self.columns.field_with_name(name) {
            Ok(declared) => declared.clone(),
            Err(_) if value.parse::<i64>().is_ok() => Field::new(name, DataType::Int64, true),
            Err(_) => Field::new(name, DataType::Utf8, true),
        };
        let fields: Vec<_> = folders.split('/').map_while(|folder| folder.split_once('=')).map(field).collect();
        if fields.len() < folders.split('/').filter(|folder| folder.contains('=')).count() {
            let message =
                format!("{file}: a folder without a column stands above one with a column, name both 'column=value'");
            return Err(DataFusionError::Plan(message));
        }
        Ok(fields)
    }
}
